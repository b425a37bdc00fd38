"""Config sections of every recipe (data, optimisers, averages, training, evaluation, devices), and builders of them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np
import optax
from jax.sharding import Mesh
from ml_collections import ConfigDict

from jaxgan.data import INDEX, Field, Source, augmentations, batch_fields, batches
from jaxgan.experiment.sections import call, defaults, keywords
from jaxgan.parallel import FSDP, REPLICATED, ROWS, ZERO1, Rules
from jaxgan.training.data_identity import identity
from jaxgan.training.ema import Ema, decay_for_half_life
from jaxgan.training.errors import UserError
from jaxgan.training.method import Evaluator, Method, Stage, no_evaluators
from jaxgan.training.optim import optimizer, split_update
from jaxgan.training.watchdog import Limits

_RULES = {"replicated": REPLICATED, "fsdp": FSDP, "zero1": ZERO1}

Sources = Source | Mapping[str, Source]


def common_sections(players: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The sections 'data', 'optimizer' (one a player), 'ema', 'training', 'watchdog', 'evaluation' and 'parallel',
    every key with its default.

    ``data.augment`` are operations on each training example (see :func:`jaxgan.data.augmentations`), and
    ``data.test_augment`` on each example that is sampled for or scored against, such as the small copy that a
    super-resolution network starts from.
    ``data.test_share`` of 'folder:PATH' without sub-folders train/ and test/ holds out so much of each class as the
    split 'test', the same in every run (see :func:`jaxgan.data.folder_source`).

    ``watchdog`` are limits in seconds, after which a process that is stuck, or whose peer is dead, ends itself (see
    :class:`jaxgan.training.watchdog.Limits`).
    """
    return {
        "data": {
            "name": "tfds:imagenet2012",
            "split": "train",
            "test_split": "validation",
            "test_share": 0.0,
            "data_dir": None,
            "image_size": (128, 128),
            "channels": 3,
            "batch_size": 256,
            "flip": False,
            "augment": (),
            "test_augment": (),
            "in_memory": None,
            "workers": 0,
        },
        "optimizer": {player: {"learning_rate": 2e-4, **keywords(optimizer)} for player in players},
        "ema": {
            "decay": 0.9999,
            "half_life_images": None,
            "start_step": 0,
            "buffers": "average",
            "ramp_up": None,
        },
        "training": {
            "steps": 100_000,
            "save_every": 1_000,
            "log_every": 100,
            "keep": 2,
            "steps_per_dispatch": 1,
            "max_in_flight": 4,
            "on_nonfinite": "stop",
            "max_rollbacks": 3,
            "health": False,
            "singular_values_every": 0,
            "convolutions": "auto",
            "convolution_seconds": 10.0,
        },
        "watchdog": defaults(Limits),
        "evaluation": {
            "every_steps": 5_000,
            "batch_norm": "standing",
            "standing_passes": 16,
            "batch_size": 64,
            "grid_classes": 10,
            "grid_columns": 10,
            "metrics": "",
            "features": "inception",
            "weights": None,
            "resizer": None,
            "num_images": 10_000,
            "reference_split": None,
            "reference_images": None,
            "kid_block_size": 1_000,
            "is_splits": 10,
            "path_crop": "none",
            "best": None,
            "on_error": "record",
            "tstr": False,
            "tstr_images": 10_000,
            "tstr_steps": 500,
            "num_points": 2_500,
        },
        "parallel": {"data": -1, "fsdp": 1, "spatial": 1, "rules": "replicated"},
    }


def base_config(recipe: str, players: Sequence[str], **sections: Any) -> ConfigDict:
    """A config of a recipe that is no GAN of latents and labels: the common sections, and its own.

    Args:
      recipe: its name, or the dotted name of a module.
      players: those that have an optimiser.
      **sections: more sections or keys.
    """
    return ConfigDict({"recipe": recipe, "seed": 0, **common_sections(players), **sections}, type_safe=False).lock()


def is_averaged(config: ConfigDict, method: Method) -> bool:
    """Whether nets of the method are averaged: it declares some, and ``ema.decay`` is not 0."""
    return bool(method.averaged) and bool(config.ema.decay or config.ema.half_life_images)


def average_of(config: ConfigDict, method: Method, images_per_step: int) -> Ema | None:
    """The averages of a method's nets that ``config.ema`` says; None for :func:`is_averaged`'s no."""
    if not is_averaged(config, method):
        return None
    settings = dict(config.ema)
    half_life = settings.pop("half_life_images")
    if half_life is not None:
        settings["decay"] = decay_for_half_life(half_life, images_per_step)
    return Ema(nets=method.averaged, **settings)


def player_optimizer(config: ConfigDict, player: str) -> optax.GradientTransformation:
    """The optimiser that ``config.optimizer.<player>`` says."""
    made = call(optimizer, f"optimizer.{player}", config.optimizer[player])
    return split_update(made, ROWS) if config.parallel.rules == "zero1" else made


def partition_rules(config: ConfigDict) -> Rules:
    """The rules that ``config.parallel.rules`` names; UserError naming those that there are."""
    if config.parallel.rules not in _RULES:
        raise UserError(f"config.parallel.rules={config.parallel.rules!r}; choose from {sorted(_RULES)}")
    return _RULES[config.parallel.rules]


def data_stage(
    config: ConfigDict,
    method: Method,
    *,
    fields: Mapping[str, Field],
    open_dataset: Callable[[], Sources],
    evaluators: Callable[[Mesh], Sequence[Evaluator]] = no_evaluators,
    name: str | None = None,
    steps: int | None = None,
    updates: int = 1,
) -> Stage:
    """A stage on the batches of a data set; nothing is opened before ``check_data`` or training.

    Args:
      config: with the sections of :func:`common_sections`.
      method: what is trained.
      fields: what a batch will hold, without the batch axis.
      open_dataset: opens the set, or one a domain, whose batches must hold those fields; further ones are left out. It
        is called several times, and gives the same set each time.
      evaluators: its scores, for a mesh.
      name: of the stage; the recipe's where None.
      steps: its length; ``training.steps`` where None.
      updates: batches of ``data.batch_size`` that a step takes.

    Raises:
      UserError: when the data is opened and its batches hold other fields.
    """
    data, rows, chain = config.data, config.data.batch_size * updates, augmentations(config.data.augment)

    def opened() -> Sources:
        source = open_dataset()
        _check_fields(data.name, fields, batch_fields(source, augment=chain, with_index=INDEX in fields))
        return source

    def data_identity() -> dict[str, Any]:
        sources = open_dataset()
        return identity(sources if isinstance(sources, Mapping) else {"data": sources})

    def stream(start_step: int) -> Iterator[dict[str, np.ndarray]]:
        found = batches(
            opened(),
            batch_size=rows,
            seed=config.seed,
            start_step=start_step,
            augment=chain,
            flip=data.flip,
            workers=data.workers,
            process_index=jax.process_index(),
            process_count=jax.process_count(),
            with_index=INDEX in fields,
        )
        return _only(found, fields)

    return Stage(
        name=name or config.recipe.rpartition(".")[2],
        method=method,
        data=stream,
        batch={key: jax.ShapeDtypeStruct((rows, *field.shape), field.dtype) for key, field in fields.items()},
        images_per_step=data.batch_size,
        steps=config.training.steps if steps is None else steps,
        ema=average_of(config, method, data.batch_size),
        evaluators=evaluators,
        data_identity=data_identity,
        check_data=opened,
    )


def _only(found: Iterator[dict[str, np.ndarray]], fields: Mapping[str, Field]) -> Iterator[dict[str, np.ndarray]]:
    """The wanted fields of each batch, ids of maps in the wanted dtype."""
    try:
        for batch in found:
            yield {
                name: batch[name].astype(field.dtype, copy=False) if field.kind == "map" else batch[name]
                for name, field in fields.items()
            }
    finally:
        close = getattr(found, "close", None)
        if close is not None:
            close()


def _check_fields(name: str, wanted: Mapping[str, Field], found: Mapping[str, Field]) -> None:
    """Refuses data whose batches lack a field that the step was built for, and maps of more classes than it was."""

    def listing(fields: Mapping[str, Field]) -> str:
        return ", ".join(f"{key} {field.dtype}{list(field.shape)}" for key, field in sorted(fields.items()))

    def fits(key: str, field: Field) -> bool:
        other = found.get(key)
        if other is None or other.shape != field.shape:
            return False
        # Ids of maps are checked against their classes where they are read, and fit any dtype that holds these.
        return other.dtype == field.dtype or (field.kind == other.kind == "map" and bool(field.classes))

    if not all(fits(key, field) for key, field in wanted.items()):
        raise UserError(f"{name} gives batches of {listing(found)}; the recipe takes {listing(wanted)}")
    for key, field in wanted.items():
        classes = found[key].classes
        if field.kind == "map" and field.classes and classes > field.classes:
            raise UserError(
                f"{name}: the map {key} has {classes} classes (data.fields.{key}.classes, or what the set declares), "
                f"and the recipe takes {field.classes} (translation.classes), to which ids from {field.classes} on "
                "would be nothing: give both one number"
            )
