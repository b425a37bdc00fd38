"""Experiments of networks that grow: a stage a side and phase (ProGAN: Karras et al. 2018, arXiv:1710.10196)."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
from jax import Array
from ml_collections import ConfigDict

from jaxgan.experiment.gan import bind, build_experiment
from jaxgan.experiment.gan import default_config as game_config
from jaxgan.experiment.presets import both_optimizers, on_digits, shortened
from jaxgan.experiment.regularizers import Makers, latent_prior
from jaxgan.experiment.sections import construct
from jaxgan.experiment.translation import zeros_of
from jaxgan.methods.gan import GAN, with_fresh_optimizers
from jaxgan.networks.progan import faded_images, sides_of
from jaxgan.training.errors import UserError
from jaxgan.training.method import Experiment, Stage
from jaxgan.training.state import TrainState

# The code's, for 8 GPUs; batches and rates from 4 pixels on, of which the last one holds for what is larger.
GROWING: dict[str, Any] = {
    "first_side": 4,
    "hold_images": 600_000,
    "fade_images": 600_000,
    "batch_sizes": (512, 256, 128, 64, 32),
    "learning_rates": (1e-3, 1e-3, 1e-3, 1e-3, 1e-3, 1.5e-3, 2e-3, 3e-3),
}
# What the keys of every game say, which those of ``growing`` replace.
ROWS, RATE = 32, 1e-3


def growing_config(recipe: str, *, makers: Makers) -> ConfigDict:
    """Every key of a game whose networks, named as the recipe, grow; Adam (0, 0.99), and reals and fakes through D
    separately.

    Args:
      recipe: its name.
      makers: of regularizers; see :mod:`jaxgan.experiment.regularizers`.
    """
    config = game_config(recipe, recipe, makers=makers)
    with config.unlocked():
        for section in (config.generator, config.discriminator):
            del section["side"], section["fade"]
        config.growing = ConfigDict(GROWING, type_safe=False)
    config.method.joint = False
    both_optimizers(config, learning_rate=RATE, b1=0.0, b2=0.99, eps=1e-8)
    config.data.update(dict(batch_size=ROWS, image_size=(config.generator.resolution, config.generator.resolution)))
    return config


def tiny_growing(config: ConfigDict) -> ConfigDict:
    """The smoke form: digits of 8x8 pixels, from 4 on, 8 channels, two steps a stage."""
    config = on_digits(shortened(config), (8, 8))
    config.data.batch_size = ROWS
    for section in (config.generator, config.discriminator):
        section.update(dict(resolution=8, channel_base=32, channel_max=8))
    config.generator.z_dim = 8
    config.growing.update(dict(first_side=4, hold_images=32, fade_images=32, batch_sizes=(16,), learning_rates=(1e-3,)))
    return config


def at_side(config: ConfigDict, side: int) -> ConfigDict:
    """The config of one side: its images, its batches, its rate."""
    own, growing = config.copy_and_resolve_references(), config.growing
    number = sides_of(side).index(side)
    own.data.update(image_size=(side, side), batch_size=_entry(growing.batch_sizes, number))
    return both_optimizers(own, learning_rate=_entry(growing.learning_rates, number))


def _entry(values: tuple[Any, ...], number: int) -> Any:
    return values[min(number, len(values) - 1)]


def growing_experiment(
    config: ConfigDict, networks: Any, *, makers: Makers, changed: Callable[[GAN], GAN] = lambda game: game
) -> Experiment:
    """Binds a config: hold, fade of the next side, hold, ...; the last hold is of ``training.steps``.

    Args:
      config: as of :func:`growing_config`.
      networks: a module with a ``Generator`` and a ``Discriminator`` that take ``side`` and ``fade``.
      makers: of regularizers.
      changed: each stage's game -> the one that is played.

    Raises:
      UserError: on keys or values that do not fit, sides that are no powers of two, or a batch or rate that ``growing``
        replaces.
    """
    largest, growing = config.generator.resolution, config.growing
    _check_replaced(config)
    if config.discriminator.resolution != largest or tuple(config.data.image_size) != (largest, largest):
        raise UserError(
            f"generator.resolution={largest}, discriminator.resolution={config.discriminator.resolution} and "
            f"data.image_size={tuple(config.data.image_size)} must be one side"
        )
    try:
        first = sides_of(growing.first_side)[-1]
        sides = [side for side in sides_of(largest) if side >= first]
    except ValueError as error:
        raise UserError(f"generator.resolution or growing.first_side: {error}") from error
    if not sides:
        raise UserError(f"growing.first_side={first} is larger than generator.resolution={largest}")

    def stage_of(side: int, name: str, steps: int, fade: tuple[int, int] | None = None) -> Stage:
        own = at_side(config, side)
        game = changed(_game(own, networks, makers, side, fade))
        (stage,) = build_experiment(own, with_fresh_optimizers(game)).stages
        # All sides are of one set, which is opened, and perhaps decoded, for each of them.
        return stage._replace(name=name, steps=steps, check_data=None if stages else stage.check_data)

    stages: list[Stage] = []
    for side in sides:
        rows = _entry(growing.batch_sizes, sides_of(side).index(side))
        if side > first:
            steps = max(growing.fade_images // rows, 1)
            start = sum(stage.steps for stage in stages)
            stages.append(stage_of(side, f"{side}_fade", steps, (start, steps)))
        stages.append(
            stage_of(side, str(side), config.training.steps if side == largest else max(growing.hold_images // rows, 1))
        )
    experiment = build_experiment(at_side(config, largest), stages[-1].method)
    return experiment._replace(stages=tuple(stages), init=functools.partial(_init, stages[-1]))


def _check_replaced(config: ConfigDict) -> None:
    given = {f"optimizer.{player}.learning_rate": config.optimizer[player].learning_rate for player in ("g", "d")}
    for key, value, expected, other in (
        ("data.batch_size", config.data.batch_size, ROWS, "growing.batch_sizes"),
        *((key, rate, RATE, "growing.learning_rates") for key, rate in given.items()),
    ):
        if value != expected:
            raise UserError(
                f"{key}={value}: a network that grows has a value a side, in {other}; set that, and leave "
                f"{key} at {expected}"
            )


def _init(last: Stage, rng: Array) -> TrainState:
    """The state of all sides' layers."""
    return last.method.init(rng, zeros_of(last))


def _game(config: ConfigDict, networks: Any, makers: Makers, side: int, fade: tuple[int, int] | None) -> GAN:
    """The game at a side; ``fade`` is the step that a fade begins at, and its length."""
    growth: dict[str, Any] = dict(side=side, fade=fade is not None)
    game = bind(
        config,
        generator=construct(networks.Generator, "generator", config.generator, **growth),
        discriminator=construct(networks.Discriminator, "discriminator", config.discriminator, **growth),
        prior=latent_prior(config),
        makers=makers,
    )
    if fade is None:
        return game
    inputs = functools.partial(alpha_at, start=fade[0], steps=fade[1])
    return dataclasses.replace(game, network_inputs=inputs, preprocess=faded)


def alpha_at(step: Array, extra: Mapping[str, Any], *, start: int, steps: int) -> dict[str, Array]:
    """How much of the new side there is after ``step`` completed steps: 0 at the fade's first step."""
    del extra
    return {"alpha": jnp.clip((step - start) / steps, 0, 1).astype(jnp.float32)}


def faded(images: Array, rng: Array, inputs: Mapping[str, Any]) -> Array:
    """Real images as networks see them that fade in."""
    del rng
    return faded_images(images, inputs["alpha"])
