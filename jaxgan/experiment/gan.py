"""Builders of GAN experiments from a config: sections, networks, data, players and scores.

A recipe is a setting of these keys; any of them can be swapped: ``networks``, the loss, conditioning, regularizers.
"""

import functools
import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
import optax
from jax.sharding import Mesh
from ml_collections import ConfigDict

from jaxgan import networks as networks_package
from jaxgan.data import Field, Source, toy_batches, toy_mixture
from jaxgan.experiment.common import common_sections, data_stage, is_averaged, partition_rules, player_optimizer
from jaxgan.experiment.evaluators import image_evaluators
from jaxgan.experiment.open_split import held_out, open_split
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
from jaxgan.training.errors import UserError
from jaxgan.training.method import Experiment, Method
from jaxgan.training.microbatches import Microbatches


def network_names() -> list[str]:
    """The families of networks that any adversarial recipe can use: modules with a Generator and a
    Discriminator of latents and labels.
    """
    found = []
    for module in pkgutil.iter_modules(networks_package.__path__):
        loaded = importlib.import_module(f"{networks_package.__name__}.{module.name}")
        made = [getattr(loaded, name, None) for name in ("Generator", "Discriminator")]
        if None not in made and module.name != "lapgan":
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
    shared = common_sections(("g", "d"))
    config = ConfigDict(
        {
            "recipe": recipe,
            "networks": networks,
            "seed": 0,
            "data": shared.pop("data"),
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
            **shared,
        },
        # None stands for a choice of its own in several keys; constructors check what they are given.
        type_safe=False,
    )
    return use_networks(config.lock(), networks, num_classes=num_classes)


def open_data(config: ConfigDict, split: str) -> Source:
    """Opens a split of the config's data, and checks it against the networks.

    Raises:
      UserError: where the data has another number of classes than the networks.
    """
    data, source = config.data, open_split(config, split, training=True)
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
    # Of networks with ``stddev_rows`` the standard deviation over rows is always there.
    minibatch = "stddev" if "stddev_rows" in config.discriminator else config.discriminator.get("minibatch", "none")
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
        optimizers={player: player_optimizer(config, player) for player in ("g", "d")},
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
        options={} if getattr(generator, "normalizes_latents", False) else truncation_options(prior),
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
    rules = partition_rules(config)
    played = build_method(config) if method is None else method
    toy = config.data.name.startswith("toy:")

    @functools.cache
    def source(split: str) -> Source:
        return open_data(config, split)

    def evaluators(mesh: Mesh) -> Any:
        if toy:
            return toy_evaluators(played, config, mesh=mesh, ema=is_averaged(config, played))
        scored = functools.cache(lambda split: held_out(config, source(split)))
        return image_evaluators(played, config, scored, mesh=mesh, ema=is_averaged(config, played))

    shape = (*config.data.image_size, config.data.channels)
    example = {"point": Field((2,), np.float32, "value")} if toy else {"image": Field(shape, np.uint8, "image")}
    stage = data_stage(
        config,
        played,
        fields=example | {"label": Field((), np.int32, "value")},
        open_dataset=lambda: source(config.data.split),
        evaluators=evaluators,
        updates=config.method.d_steps,
    )
    if toy:
        stream = functools.partial(_toy_data, config, stage.batch["point"].shape[0])
        stage = stage._replace(data=stream, data_identity=None, check_data=None)
    return Experiment(stages=(stage,), rules=rules)


def _toy_data(config: ConfigDict, rows: int, start_step: int) -> Iterator[dict[str, np.ndarray]]:
    mixture = toy_mixture(config.data.name.removeprefix("toy:"))
    processes = dict(process_index=jax.process_index(), process_count=jax.process_count())
    return toy_batches(mixture, batch_size=rows, seed=config.seed, start_step=start_step, **processes)
