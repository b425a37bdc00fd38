"""What class-conditional recipes share: sections, data, players and scores."""

import functools
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh
from ml_collections import ConfigDict

from jaxgan.data import Source, batches, open_source
from jaxgan.methods.adversarial import Adversarial
from jaxgan.objectives import adversarial_loss
from jaxgan.parallel import FSDP, REPLICATED, ROWS, ZERO1
from jaxgan.recipes.evaluators import class_evaluators
from jaxgan.recipes.sections import construct, defaults
from jaxgan.training.ema import Ema, decay_for_half_life
from jaxgan.training.errors import UserError
from jaxgan.training.method import Experiment, Stage
from jaxgan.training.optim import adam, split_update

_RULES = {"replicated": REPLICATED, "fsdp": FSDP, "zero1": ZERO1}


def default_config(recipe: str, generator: Any, discriminator: Any) -> ConfigDict:
    """Every section with every key, so that the command line can set any of them: what a config file starts from."""
    method = defaults(Adversarial, exclude=("optimizers", "generator", "discriminator"))
    optimizer = dict(learning_rate=2e-4, b1=0.0, b2=0.999, eps=1e-8, warmup_steps=0)
    config = ConfigDict(
        {
            "recipe": recipe,
            "seed": 0,
            "data": {
                "name": "tfds:imagenet2012",
                "split": "train",
                "test_split": "validation",
                "data_dir": None,
                "image_size": (128, 128),
                "channels": 3,
                "batch_size": 256,
                "flip": False,
                "in_memory": None,
                "workers": 0,
            },
            "generator": {"num_classes": 1000, **defaults(generator)},
            "discriminator": {"num_classes": 1000, **defaults(discriminator)},
            "method": {"loss": "hinge", **method},
            "optimizer": {"g": dict(optimizer), "d": dict(optimizer)},
            "ema": {"decay": 0.9999, "half_life_images": None, "start_step": 0},
            "training": {
                "steps": 100_000,
                "save_every": 1_000,
                "log_every": 100,
                "keep": 2,
                "steps_per_dispatch": 1,
                "max_in_flight": 4,
            },
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
                "best": None,
                "tstr": False,
                "tstr_images": 10_000,
                "tstr_steps": 500,
            },
            "parallel": {"data": -1, "fsdp": 1, "spatial": 1, "rules": "replicated"},
        },
        # None stands for a choice of its own in several keys; constructors check what they are given.
        type_safe=False,
    )
    return config.lock()


def _ema(config: ConfigDict, images_per_step: int) -> Ema:
    decay = config.ema.decay
    if config.ema.half_life_images is not None:
        decay = decay_for_half_life(config.ema.half_life_images, images_per_step)
    return Ema(nets=("g",), decay=decay, start_step=config.ema.start_step)


def _optimizer(config: ConfigDict, player: str) -> optax.GradientTransformation:
    made = adam(**config.optimizer[player])
    return split_update(made, ROWS) if config.parallel.rules == "zero1" else made


def open_data(config: ConfigDict, split: str) -> Source:
    """Opens a split of the config's data, and checks it against the networks.

    Raises:
      UserError: where the data has another number of classes than the networks.
    """
    data = config.data
    source = open_source(
        data.name,
        split=split,
        data_dir=data.data_dir,
        image_size=tuple(data.image_size),
        channels=data.channels,
        in_memory="auto" if data.in_memory is None else data.in_memory,
    )
    if source.num_classes != config.generator.num_classes:
        raise UserError(
            f"{data.name} has {source.num_classes} classes, the config says {config.generator.num_classes}: set "
            f"--config.generator.num_classes={source.num_classes} "
            f"--config.discriminator.num_classes={source.num_classes}"
        )
    return source


def build_experiment(config: ConfigDict, generator_cls: Any, discriminator_cls: Any) -> Experiment:
    """Binds networks, the adversarial method, data and scores as ``config`` says; opens no data.

    Raises:
      UserError: on a key that no constructor takes, or values that contradict each other.
    """
    if config.generator.num_classes != config.discriminator.num_classes:
        raise UserError(
            f"generator.num_classes={config.generator.num_classes} and discriminator.num_classes="
            f"{config.discriminator.num_classes} must be equal"
        )
    if config.parallel.rules not in _RULES:
        raise UserError(f"config.parallel.rules={config.parallel.rules!r}; choose from {sorted(_RULES)}")
    settings = dict(config.method)
    loss = adversarial_loss(settings.pop("loss"))
    method = construct(
        Adversarial,
        "method",
        settings,
        generator=construct(generator_cls, "generator", config.generator),
        discriminator=construct(discriminator_cls, "discriminator", config.discriminator),
        optimizers={player: _optimizer(config, player) for player in ("g", "d")},
        loss=loss,
        num_classes=config.generator.num_classes,
        z_dim=config.generator.z_dim,
    )
    rows = config.data.batch_size * config.method.d_steps
    shape = (*config.data.image_size, config.data.channels)

    @functools.cache
    def source(split: str) -> Source:
        return open_data(config, split)

    def data(start_step: int) -> Iterator[dict[str, np.ndarray]]:
        return batches(
            source(config.data.split),
            batch_size=rows,
            seed=config.seed,
            start_step=start_step,
            flip=config.data.flip,
            process_index=jax.process_index(),
            process_count=jax.process_count(),
            workers=config.data.workers,
        )

    def evaluators(mesh: Mesh) -> Any:
        return class_evaluators(method, config, source, mesh=mesh)

    stage = Stage(
        name=config.recipe,
        method=method,
        data=data,
        batch={
            "image": jax.ShapeDtypeStruct((rows, *shape), jnp.uint8),
            "label": jax.ShapeDtypeStruct((rows,), jnp.int32),
        },
        images_per_step=config.data.batch_size,
        steps=config.training.steps,
    )
    return Experiment(
        stages=(stage,),
        ema=_ema(config, config.data.batch_size),
        evaluators=evaluators,
        rules=_RULES[config.parallel.rules],
    )
