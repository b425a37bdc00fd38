"""Builders of image-to-image experiments from a config: sections, conditions from the data, the game, scores.

``translation`` says which field of an example is translated to which: pictures, or label maps of ``classes`` ids.
"""

import functools
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import Mesh
from ml_collections import ConfigDict

from jaxgan.data import Colours, Field, Source, augmentations
from jaxgan.data.augment import fields_after
from jaxgan.data.source import LOAD_ROWS, LOAD_THREADS
from jaxgan.experiment.common import base_config, data_stage, is_averaged, partition_rules, player_optimizer
from jaxgan.experiment.evaluators import image_evaluators
from jaxgan.experiment.open_split import held_out, open_split
from jaxgan.experiment.regularizers import Makers, build_regularizers, regularizer_sections
from jaxgan.experiment.sections import call, construct, defaults
from jaxgan.experiment.segmentation import segmentation_evaluator
from jaxgan.features.perceptual_layers import layers_of
from jaxgan.interop.perceptual_layers import open_perceptual_layers
from jaxgan.methods.gan import GAN
from jaxgan.methods.inputs import map_condition, picture_condition
from jaxgan.methods.latents import Latents
from jaxgan.methods.regularizer import Regularizer
from jaxgan.methods.terms.diffaugment import diffaugment
from jaxgan.methods.terms.gradient_penalties import gradient_penalties
from jaxgan.methods.terms.image_pool import image_pool
from jaxgan.methods.terms.layer_matching import matched_layers
from jaxgan.methods.terms.perceptual import PERCEPTUAL, perceptual
from jaxgan.methods.terms.reconstruction import reconstructed
from jaxgan.networks import patchgan
from jaxgan.networks.multi_scale import MultiScaleDiscriminator
from jaxgan.objectives import adversarial_loss
from jaxgan.training.errors import UserError
from jaxgan.training.method import Experiment, Method, Stage
from jaxgan.training.microbatches import Microbatches

log = logging.getLogger("jaxgan")

MAKERS: Makers = {
    "regularizers.penalties": gradient_penalties,
    "augment.diffaugment": diffaugment,
    "augment.pool": image_pool,
    "regularizers.reconstruction": reconstructed,
    "regularizers.layer_matching": matched_layers,
}


def default_config(
    recipe: str, generator: Any, discriminator: Any = patchgan.Discriminator, *, exclude: Sequence[str] = ()
) -> ConfigDict:
    """Every section of a recipe that translates images, every key with its default.

    Args:
      recipe: its name.
      generator, discriminator: classes of networks, whose fields are sections.
      exclude: fields of the generator that the recipe gives itself.
    """
    config = base_config(
        recipe,
        ("g", "d"),
        translation={"source": "image_A", "target": "image_B", "channels": 3, "classes": 0, "instances": None},
        epochs={"constant": 0, "decay": 0},
        generator=defaults(generator, exclude=("image_channels", *exclude)),
        discriminator=defaults(discriminator),
        multi_scale={"scales": 1, "pool": "overlapping"},
        method={"loss": "non_saturating", "label_smoothing": 0.0, "joint": False, "adversarial_weight": 1.0},
        perceptual={
            "weight": 0.0,
            "network": "vgg19",
            "normalized": True,
            "weights": None,
            "layer_weights": None,
            "distance": "absolute",
        },
        segmentation={"steps": 0, "batch_size": 8, "ch": 16, "learning_rate": 2e-3, "ignore": None},
        microbatches=defaults(Microbatches),
        **regularizer_sections(MAKERS),
    )
    use_fields(config)
    config.data.update(name="pairs:", test_split="test", test_share=0.1, image_size=(256, 256), batch_size=1)
    config.evaluation.update(batch_norm="running", batch_size=8, grid_classes=6, metrics="psnr,ssim", num_images=500)
    config.ema.update(decay=0.0)
    for player in ("g", "d"):
        config.optimizer[player].update(learning_rate=2e-4, b1=0.5)
    return config


def use_fields(config: ConfigDict, **specs: Any) -> ConfigDict:
    """``config`` with ``data.fields``: new field -> a key of the set or a side of the pairs, or a mapping with 'key',
    'kind' and 'classes' (see :class:`jaxgan.data.FieldSpec`); without any, the set's own fields.
    """
    with config.unlocked():
        config.data.fields = ConfigDict(specs, type_safe=False)
    return config


def condition_of(config: ConfigDict) -> Callable[[dict[str, Any]], Array]:
    """The function from a batch to its condition: a picture in [-1, 1], or a one-hot map with the edges of its
    instances.
    """
    given = config.translation
    if not given.classes:
        return functools.partial(picture_condition, field=given.source)
    return functools.partial(map_condition, field=given.source, classes=given.classes, instances=given.instances)


def source_fields(config: ConfigDict) -> tuple[str, ...]:
    """The fields that the condition is made of."""
    given = config.translation
    return (given.source, given.instances) if given.instances else (given.source,)


def batch_fields(config: ConfigDict) -> dict[str, Field]:
    """The fields of a batch after ``data.augment``: the source, its instances, and the target.

    Raises:
      UserError: where an operation cannot be applied to what comes before it.
    """
    given, data = config.translation, config.data
    size, chain = tuple(data.image_size), augmentations(data.augment)
    made = {getattr(operation, "output", None) for operation in chain}
    stored = {given.target: Field((*size, data.channels), np.uint8, "image")}
    if given.classes:
        dtype = np.uint8 if given.classes <= 256 else np.int32
        stored[given.source] = Field((*size, 1), dtype, "map", given.classes)
    else:
        stored[given.source] = Field((*size, given.channels), np.uint8, "image")
    if given.instances:
        stored[given.instances] = Field((*size, 1), np.int32, "map", 2**31 - 1)
    stored = {name: field for name, field in stored.items() if name not in made}
    # A target in colours is made of the map that is the source of the other direction.
    for operation in chain:
        read = getattr(operation, "field", None)
        if isinstance(operation, Colours) and read not in stored:
            stored[operation.field] = Field((*size, 1), np.uint8, "map")
        elif read is not None and read not in stored and read not in made:
            stored[read] = Field((*size, data.channels), np.uint8, "image")
    try:
        after = fields_after(chain, stored)
    except ValueError as error:
        raise UserError(f"config.data.augment: {error}") from error
    wanted = (*source_fields(config), given.target)
    lacking = [name for name in wanted if name not in after]
    if lacking:
        raise UserError(f"config.translation names {lacking[0]!r}, which data.augment does not make")
    return {name: after[name] for name in wanted}


def build_game(
    config: ConfigDict,
    generator: Any,
    discriminator: Any,
    *,
    latents: Latents | None = None,
    more: Sequence[Regularizer | None] = (),
    first_scale: int = 0,
    **game: Any,
) -> GAN:
    """The game that ``config`` says of two networks.

    Args:
      config: with the sections of :func:`default_config`.
      generator, discriminator: modules; the discriminator judges one scale.
      latents: of G; None for a generator of the condition alone.
      more: further regularizers; None is none.
      first_scale: see :class:`jaxgan.networks.multi_scale.MultiScaleDiscriminator`.
      **game: further fields of :class:`jaxgan.methods.gan.GAN`.

    Raises:
      UserError: on a key that no constructor takes, or values that contradict each other.
    """
    settings = dict(config.method)
    loss = adversarial_loss(settings.pop("loss"), label_smoothing=settings.pop("label_smoothing"))
    scales = config.get("multi_scale", {"scales": 1})
    if scales["scales"] > 1 or first_scale:
        discriminator = MultiScaleDiscriminator(discriminator, **scales, first=first_scale)
    made = [*build_regularizers(config, makers=MAKERS), perceptual_term(config), *more]
    return construct(
        GAN,
        "method",
        settings,
        generator=generator,
        discriminator=discriminator,
        optimizers={player: player_optimizer(config, player) for player in ("g", "d")},
        loss=loss,
        latents=latents or data_latents(config),
        target=config.translation.target,
        regularizers=tuple(term for term in made if term is not None),
        **game,
        microbatches=construct(Microbatches, "microbatches", config.microbatches),
    )


def data_latents(config: ConfigDict, **given: Any) -> Latents:
    """Conditions from the data, and no z unless ``z_dim`` is given."""
    fields: dict[str, Any] = dict(z_dim=0, from_data=True, fields=source_fields(config))
    return Latents(**fields | {"condition": condition_of(config)} | given)


def perceptual_term(config: ConfigDict) -> Regularizer | None:
    """The perceptual loss that ``config.perceptual`` says; its network is among the frozen ones."""
    section = {k: v for k, v in config.perceptual.items() if k not in ("network", "normalized", "weights")}
    layers = layers_of(config.perceptual.network, normalized=config.perceptual.normalized)
    return call(perceptual, "perceptual", section, layers=layers)


def frozen_nets(config: ConfigDict) -> Callable[[], dict[str, Any]] | None:
    """The function that opens the network of the perceptual loss; None where there is no such loss."""
    if not config.perceptual.weight:
        return None
    given = config.perceptual
    opened = functools.partial(
        open_perceptual_layers, given.network, normalized=given.normalized, weights=given.weights
    )
    return functools.cache(lambda: {PERCEPTUAL: opened().variables})


def translation_stage(
    config: ConfigDict, method: Method, *, name: str | None = None, steps: int | None = None
) -> Stage:
    """A stage on the examples of the config's data, scored by pairs of outputs and targets.

    Args:
      config: of the recipe.
      method: what is trained.
      name: of the stage; the recipe's where None.
      steps: its length; ``training.steps`` where None.
    """

    @functools.cache
    def source(split: str) -> Source:
        return open_split(config, split, training=True)

    @functools.cache
    def trained_on() -> Source:
        opened = source(config.data.split)
        if not opened.in_memory:
            read_maps(config)
        return opened

    def evaluators(mesh: Mesh) -> Any:
        scored = functools.cache(lambda split: held_out(config, source(split)))
        ema = is_averaged(config, method)
        made = [*image_evaluators(method, config, scored, mesh=mesh, ema=ema)]
        if config.segmentation.steps:
            made.append(segmentation_evaluator(method, config, scored, config.translation, mesh=mesh, ema=ema))
        return made

    return data_stage(
        config,
        method,
        fields=batch_fields(config),
        open_dataset=trained_on,
        evaluators=evaluators,
        name=name,
        steps=steps,
    )


def read_maps(config: ConfigDict) -> None:
    """Reads every label map of ``data.split`` once, and nothing else: of a set that is not held in memory an id without
    a class would else show when its example comes, hours later.

    Raises:
      ValueError: naming the map and the id.
    """
    specs = {name: spec for name, spec in (config.data.get("fields") or {}).items() if hasattr(spec, "keys")}
    maps = {name: dict(spec) for name, spec in specs.items() if spec.get("kind") == "map" and spec.get("classes")}
    if not maps:
        return
    alone = use_fields(config.copy_and_resolve_references(), **maps)
    alone.data.in_memory = False
    source = open_split(alone, config.data.split, training=True)
    log.info("%s: reading the %d label maps once, to check their ids", source.name, source.length)
    rows = np.array_split(np.arange(source.length), math.ceil(source.length / LOAD_ROWS))
    with ThreadPoolExecutor(LOAD_THREADS) as pool:
        # The results are consumed because that is where a thread's exception comes out.
        for _ in pool.map(source.fetch, rows):
            pass


def build_experiment(config: ConfigDict, stages: Sequence[Stage]) -> Experiment:
    """The stages over one state, with the frozen network of the perceptual loss.

    Raises:
      UserError: on rules that there are not.
    """
    return Experiment(stages=tuple(stages), rules=partition_rules(config), frozen=frozen_nets(config))


def network_of(cls: Any, name: str, config: ConfigDict, **given: Any) -> Any:
    """The network that the section ``name`` says."""
    section: Mapping[str, Any] = config[name]
    return construct(cls, name, section, **given)


def zeros_of(stage: Stage) -> dict[str, Array]:
    """A batch of a stage, of zeros, to initialise networks with."""
    return {name: jnp.zeros(x.shape, x.dtype) for name, x in stage.batch.items()}
