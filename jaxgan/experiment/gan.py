"""Builders of GAN experiments from a config: sections, networks, data, players and scores.

A recipe is a setting of these keys; any of them can be swapped: ``networks``, the loss, conditioning, regularizers.
"""

import functools
import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh
from ml_collections import ConfigDict

from jaxgan import networks as networks_package
from jaxgan.data import Source, batches, open_dataset, toy_batches, toy_mixture
from jaxgan.experiment.evaluators import image_evaluators
from jaxgan.experiment.regularizers import MAKERS, Makers, build_regularizers, latent_prior, regularizer_sections
from jaxgan.experiment.sections import call, construct, defaults, keywords
from jaxgan.experiment.toy_evaluators import toy_evaluators
from jaxgan.latent import Prior
from jaxgan.methods.gan import GAN
from jaxgan.methods.inputs import dequantized, unchanged
from jaxgan.methods.latents import Latents, truncation_options
from jaxgan.methods.regularizer import is_zero
from jaxgan.methods.terms.orthogonal import orthogonal
from jaxgan.methods.terms.top_k import top_k
from jaxgan.networks.multi_scale import MultiScaleDiscriminator
from jaxgan.objectives import adversarial_loss
from jaxgan.parallel import FSDP, REPLICATED, ROWS, ZERO1
from jaxgan.training.ema import Ema, decay_for_half_life
from jaxgan.training.errors import UserError
from jaxgan.training.method import Experiment, Method, Stage
from jaxgan.training.microbatches import Microbatches
from jaxgan.training.optim import optimizer, split_update

_RULES = {"replicated": REPLICATED, "fsdp": FSDP, "zero1": ZERO1}


def network_names() -> list[str]:
    """The families of networks that any adversarial recipe can use: modules with a Generator and a
    Discriminator of latents and labels.
    """
    found = []
    for module in pkgutil.iter_modules(networks_package.__path__):
        loaded = importlib.import_module(f"{networks_package.__name__}.{module.name}")
        if hasattr(loaded, "Generator") and hasattr(loaded, "Discriminator") and module.name != "lapgan":
            found.append(module.name)
    return sorted(found)


def _networks(name: str) -> Any:
    if name not in network_names():
        raise UserError(f"config.networks={name!r}; choose from {', '.join(network_names())}")
    return importlib.import_module(f"{networks_package.__name__}.{name}")


def use_networks(config: ConfigDict, name: str, *, num_classes: int = 0) -> ConfigDict:
    """``config`` with other networks, at their defaults.

    Raises:
      UserError: naming the families that exist.
    """
    module = _networks(name)
    with config.unlocked():
        config.networks = name
        config.generator = ConfigDict({**defaults(module.Generator), "num_classes": num_classes}, type_safe=False)
        config.discriminator = ConfigDict(
            {**defaults(module.Discriminator), "num_classes": num_classes}, type_safe=False
        )
    return config


def default_config(recipe: str, networks: str, *, num_classes: int = 0, makers: Makers = MAKERS) -> ConfigDict:
    """Every section with every key, so that the command line can set any of them: what a config file starts from.

    ``makers`` are the regularizers that there are; a recipe that has one of its own adds it.

    Raises:
      UserError: naming the families of networks that exist.
    """
    config = ConfigDict(
        {
            "recipe": recipe,
            "networks": networks,
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
            "generator": {},
            "discriminator": {},
            "multi_scale": {"scales": 1},
            "prior": {"kind": "normal", "categorical": (), "continuous": 0},
            "method": {
                "loss": "hinge",
                "label_smoothing": 0.0,
                "d_steps": 1,
                "g_steps": 1,
                "joint": True,
                "g_stats_in_d": True,
                "adversarial_weight": 1.0,
            },
            "latents": {"from_data": False},
            "preprocess": {"dequantize": False},
            "clip": {"bound": 0.0},
            "top_k": keywords(top_k),
            "orthogonal": keywords(orthogonal),
            "microbatches": defaults(Microbatches),
            **regularizer_sections(makers),
            "optimizer": {player: {"learning_rate": 2e-4, **keywords(optimizer)} for player in ("g", "d")},
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
                "num_points": 2_500,
            },
            "parallel": {"data": -1, "fsdp": 1, "spatial": 1, "rules": "replicated"},
        },
        # None stands for a choice of its own in several keys; constructors check what they are given.
        type_safe=False,
    )
    return use_networks(config.lock(), networks, num_classes=num_classes)


def _ema(config: ConfigDict, method: Method, images_per_step: int) -> Ema:
    decay = config.ema.decay
    if config.ema.half_life_images is not None:
        decay = decay_for_half_life(config.ema.half_life_images, images_per_step)
    return Ema(
        nets=method.averaged,
        decay=decay,
        start_step=config.ema.start_step,
        buffers=config.ema.buffers,
        ramp_up=config.ema.ramp_up,
    )


def _optimizer(config: ConfigDict, player: str) -> optax.GradientTransformation:
    made = call(optimizer, f"optimizer.{player}", config.optimizer[player])
    return split_update(made, ROWS) if config.parallel.rules == "zero1" else made


def open_data(config: ConfigDict, split: str) -> Source:
    """Opens a split of the config's data, and checks it against the networks.

    Raises:
      UserError: where the data has another number of classes than the networks.
    """
    data = config.data
    source = open_dataset(
        data.name,
        split=split,
        data_dir=data.data_dir,
        image_size=tuple(data.image_size),
        channels=data.channels,
        in_memory="auto" if data.in_memory is None else data.in_memory,
    )
    if config.generator.num_classes not in (0, source.num_classes):
        raise UserError(
            f"{data.name} has {source.num_classes} classes, the config says {config.generator.num_classes}: set "
            f"--config.generator.num_classes={source.num_classes} "
            f"--config.discriminator.num_classes={source.num_classes}"
        )
    return source


def build_method(config: ConfigDict, *, makers: Makers = MAKERS) -> GAN:
    """Binds networks, the game, its regularizers (those of ``makers``) and optimisers as ``config`` says.

    Raises:
      UserError: on a key that no constructor takes, or values that contradict each other.
    """
    if config.generator.num_classes != config.discriminator.num_classes:
        raise UserError(
            f"generator.num_classes={config.generator.num_classes} and discriminator.num_classes="
            f"{config.discriminator.num_classes} must be equal"
        )
    module = _networks(config.networks)
    prior = latent_prior(config)
    return bind(
        config,
        generator=construct(module.Generator, "generator", config.generator),
        discriminator=construct(module.Discriminator, "discriminator", config.discriminator),
        prior=prior,
        makers=makers,
    )


def bind(config: ConfigDict, *, generator: Any, discriminator: Any, prior: Prior, makers: Makers = MAKERS) -> GAN:
    """The game that ``config`` says of two networks, with the regularizers of ``makers`` that it turns on.

    Raises:
      UserError: on a key that no constructor takes, or values that contradict each other.
    """
    settings = dict(config.method)
    loss = adversarial_loss(settings.pop("loss"), label_smoothing=settings.pop("label_smoothing"))
    minibatch = config.discriminator.get("minibatch", "none")
    if minibatch != "none" and (config.method.joint or config.microbatches.count > 1):
        raise UserError(
            f"discriminator.minibatch={minibatch!r} compares the images of a batch, all real or all fake: "
            f"set --config.method.joint=false and --config.microbatches.count=1, which are {config.method.joint} and "
            f"{config.microbatches.count}"
        )
    if config.multi_scale.scales > 1:
        discriminator = MultiScaleDiscriminator(discriminator, scales=config.multi_scale.scales)
    bound = config.clip.bound
    return construct(
        GAN,
        "method",
        settings,
        generator=generator,
        discriminator=discriminator,
        optimizers={player: _optimizer(config, player) for player in ("g", "d")},
        loss=loss,
        latents=construct(
            Latents,
            "latents",
            config.latents,
            z_dim=prior.size,
            num_classes=config.generator.num_classes,
            prior=prior,
        ),
        regularizers=build_regularizers(config, prior, makers),
        options=truncation_options(prior),
        preprocess=dequantized if config.preprocess.dequantize else unchanged,
        project_d=None if is_zero(bound) else functools.partial(optax.projections.projection_linf_ball, scale=bound),
        fake_weights=call(top_k, "top_k", config.top_k),
        g_weights_term=call(orthogonal, "orthogonal", config.orthogonal),
        microbatches=construct(Microbatches, "microbatches", config.microbatches),
    )


def build_experiment(config: ConfigDict, method: Method | None = None) -> Experiment:
    """Binds the game (``method``, or what :func:`build_method` makes), data and scores as ``config`` says; opens no
    data.

    Raises:
      UserError: on a key that no constructor takes, or values that contradict each other.
    """
    if config.parallel.rules not in _RULES:
        raise UserError(f"config.parallel.rules={config.parallel.rules!r}; choose from {sorted(_RULES)}")
    played = build_method(config) if method is None else method
    rows = config.data.batch_size * config.method.d_steps
    toy = config.data.name.startswith("toy:")
    processes = dict(process_index=jax.process_index(), process_count=jax.process_count())

    @functools.cache
    def source(split: str) -> Source:
        return open_data(config, split)

    def data(start_step: int) -> Iterator[dict[str, np.ndarray]]:
        if toy:
            mixture = toy_mixture(config.data.name.removeprefix("toy:"))
            return toy_batches(mixture, batch_size=rows, seed=config.seed, start_step=start_step, **processes)
        return batches(
            source(config.data.split),
            batch_size=rows,
            seed=config.seed,
            start_step=start_step,
            flip=config.data.flip,
            workers=config.data.workers,
            **processes,
        )

    def evaluators(mesh: Mesh) -> Any:
        if toy:
            return toy_evaluators(played, config, mesh=mesh, ema=bool(played.averaged))
        return image_evaluators(played, config, source, mesh=mesh, ema=bool(played.averaged))

    shape = (*config.data.image_size, config.data.channels)
    example = (
        {"point": jax.ShapeDtypeStruct((rows, 2), jnp.float32)}
        if toy
        else {"image": jax.ShapeDtypeStruct((rows, *shape), jnp.uint8)}
    )
    stage = Stage(
        name=config.recipe,
        method=played,
        data=data,
        batch=example | {"label": jax.ShapeDtypeStruct((rows,), jnp.int32)},
        images_per_step=config.data.batch_size,
        steps=config.training.steps,
        ema=_ema(config, played, config.data.batch_size),
        evaluators=evaluators,
    )
    return Experiment(stages=(stage,), rules=_RULES[config.parallel.rules])
