"""Epochs of a paper's schedule as steps, once the length of the data is known."""

import math

from ml_collections import ConfigDict

from jaxgan.experiment.open_split import open_split, open_unpaired
from jaxgan.training.errors import UserError


def steps_of_epochs(epochs: float, length: int, batch_size: int) -> int:
    """Steps of ``batch_size`` examples in which each of ``length`` is seen ``epochs`` times, rounded up; at least 1.

    Raises:
      UserError: where an argument is not positive.
    """
    if epochs <= 0 or length < 1 or batch_size < 1:
        raise UserError(f"epochs={epochs} of {length} examples in batches of {batch_size}: give numbers above 0")
    return max(1, math.ceil(epochs * length / batch_size))


def in_steps(config: ConfigDict) -> ConfigDict:
    """``config`` with ``epochs.constant`` epochs at the full rates and ``epochs.decay`` of linear decay to 0 written
    out as steps, for the data at hand; unchanged where it has no such section, or zeros.

    ``training.steps`` becomes the sum, and every optimiser's ``hold_steps`` and ``decay_steps`` its parts. Of two
    domains the larger set's length is an epoch (CycleGAN). Where phases come before (pix2pixHD), ``epochs.enhancer``
    become ``phases.enhancer_steps``, and ``epochs.global_constant`` and ``epochs.global_decay``
    ``phases.global_steps``, of which ``phases.global_decay_steps`` are the last.

    Raises:
      UserError: where the data cannot be opened.
    """
    given = config.get("epochs")
    if not given or not any(given.values()):
        return config
    counted = config.copy_and_resolve_references()
    counted.data.in_memory = False  # the lengths alone
    try:
        if "domains" in config:
            sources = open_unpaired(counted)
        else:
            sources = {"data": open_split(counted, config.data.split, training=True)}
    except ValueError as error:
        none = " ".join(f"--config.epochs.{name}=0" for name, epochs in given.items() if epochs)
        raise UserError(
            f"epochs of {given.constant} + {given.decay} are steps of the data, which must be there: {error}; or give "
            f"steps, with {none} --config.training.steps=N"
        ) from error
    length, made = max(source.length for source in sources.values()), config.copy_and_resolve_references()
    steps = {
        name: steps_of_epochs(epochs, length, config.data.batch_size) if epochs else 0 for name, epochs in given.items()
    }
    hold, decay = steps["constant"], steps["decay"]
    if hold or decay:
        made.training.steps = hold + decay
        for player in made.optimizer.values():
            player.update(schedule="linear", hold_steps=hold if decay else 0, decay_steps=decay)
    if steps.get("enhancer"):
        made.phases.enhancer_steps = steps["enhancer"]
    if total := steps.get("global_constant", 0) + steps.get("global_decay", 0):
        made.phases.update(global_steps=total, global_decay_steps=steps["global_decay"])
    # The steps say it all now, and stay what they are where a run goes on.
    made.epochs.update(dict.fromkeys(given, 0))
    return made
