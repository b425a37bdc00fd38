"""ProGAN: Progressive Growing of GANs for Improved Quality, Stability, and Variation (Karras et al. 2018,
arXiv:1710.10196); code tkarras/progressive_growing_of_gans, whose Theano branch made the paper's numbers.

The checklist:

 1. Networks of 23.1 million parameters each at 1,024 pixels; see :mod:`jaxgan.networks.progan`. Equalised rates, pixel
    norms after activations in G, standard deviations over groups of 4 in D's last block, no tanh.
 2. A stage a side and phase: hold, fade of the next side, hold, ... (``growing.hold_images`` and ``fade_images``,
    600,000 each), from 4 pixels on, where the paper's figures are from 4 as well. The last hold is ``training.steps``.
 3. In a fade G's image is blended with the smaller side's, enlarged by nearest neighbour; D's features with those of
    the halved image; and real images with their own halves, enlarged. Alpha rises with every step from 0.
 4. WGAN-GP with lambda 10 and a norm of 1 (the paper's CIFAR-10: 750), and 1e-3 times D's squared output on real images
    (``regularizers.drift``).
 5. Adam (0, 0.99), begun anew at both ends of each fade, as the code.
 6. Batches and rates by side (``growing.batch_sizes``, ``learning_rates``, from 4 pixels on; the last one holds for
    what is larger): the code's for 8 GPUs.
 7. G's average is of 0.999 a step, whatever the batch.
 8. Real images of a side are the set's, resized by the loader; the code halves them by boxes beforehand.
 9. With classes: AC-GAN (``heads.auxiliary``), the class joined to the latent.
"""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
from jax import Array
from ml_collections import ConfigDict

from jaxgan.experiment.gan import bind, build_experiment
from jaxgan.experiment.gan import default_config as game_config
from jaxgan.experiment.presets import both_optimizers, on_digits, shortened
from jaxgan.experiment.regularizers import MAKERS, latent_prior
from jaxgan.experiment.sections import construct
from jaxgan.experiment.translation import zeros_of
from jaxgan.methods.gan import GAN, with_fresh_optimizers
from jaxgan.methods.terms.drift import drift
from jaxgan.networks import progan
from jaxgan.training.errors import UserError
from jaxgan.training.method import Experiment, Stage
from jaxgan.training.state import TrainState

TERMS = {**MAKERS, "regularizers.drift": drift}


def default_config() -> ConfigDict:
    """Every key, with the code's settings for CelebA-HQ on 8 GPUs: what a config file starts from."""
    config = game_config("progan", "progan", makers=TERMS)
    with config.unlocked():
        for section in (config.generator, config.discriminator):
            del section["side"], section["fade"]
        config.growing = ConfigDict(
            {
                "first_side": 4,
                "hold_images": 600_000,
                "fade_images": 600_000,
                "batch_sizes": (512, 256, 128, 64, 32),
                "learning_rates": (1e-3, 1e-3, 1e-3, 1e-3, 1e-3, 1.5e-3, 2e-3, 3e-3),
            },
            type_safe=False,
        )
    config.method.update(dict(loss="wasserstein", joint=False))
    config.regularizers.penalties.gp = 10.0
    config.regularizers.drift.weight = 1e-3
    both_optimizers(config, learning_rate=1e-3, b1=0.0, b2=0.99, eps=1e-8)
    config.ema.update(decay=0.999, buffers="copy")
    config.data.batch_size = 32
    return config


def tiny(config: ConfigDict) -> ConfigDict:
    """The smoke form: digits of 8x8 pixels, from 4 on, 8 channels, two steps a stage."""
    config = on_digits(shortened(config), (8, 8))
    for section in (config.generator, config.discriminator):
        section.update(dict(resolution=8, channel_base=32, channel_max=8))
    config.generator.z_dim = 8
    config.growing.update(dict(first_side=4, hold_images=32, fade_images=32, batch_sizes=(16,), learning_rates=(1e-3,)))
    return config


def at_side(config: ConfigDict, side: int) -> ConfigDict:
    """The config of one side: its images, its batches, its rate."""
    own, growing = config.copy_and_resolve_references(), config.growing
    number = progan.sides_of(side).index(side)
    own.data.update(image_size=(side, side), batch_size=_entry(growing.batch_sizes, number))
    return both_optimizers(own, learning_rate=_entry(growing.learning_rates, number))


def _entry(values: tuple[Any, ...], number: int) -> Any:
    return values[min(number, len(values) - 1)]


def build(config: ConfigDict) -> Experiment:
    """Binds a config.

    Raises:
      UserError: on keys or values that do not fit, or sides that are no powers of two.
    """
    largest = config.generator.resolution
    if config.discriminator.resolution != largest or tuple(config.data.image_size) != (largest, largest):
        raise UserError(
            f"generator.resolution={largest}, discriminator.resolution={config.discriminator.resolution} and "
            f"data.image_size={tuple(config.data.image_size)} must be one side"
        )
    try:
        sides = [side for side in progan.sides_of(largest) if side >= config.growing.first_side]
        first = progan.sides_of(config.growing.first_side)[-1]
    except ValueError as error:
        raise UserError(f"config.generator or config.growing: {error}") from error
    stages: list[Stage] = []
    for side in sides:
        own = at_side(config, side)
        rows = own.data.batch_size
        if side > first:
            steps = max(config.growing.fade_images // rows, 1)
            start = sum(stage.steps for stage in stages)
            stages.append(_stage(own, f"{side}_fade", steps, _game(own, side, fade=(start, steps))))
        steps = config.training.steps if side == largest else max(config.growing.hold_images // rows, 1)
        stages.append(_stage(own, str(side), steps, _game(own, side)))
    experiment = build_experiment(at_side(config, largest), stages[-1].method)
    return experiment._replace(stages=tuple(stages), init=functools.partial(_init, stages[-1]))


def _stage(config: ConfigDict, name: str, steps: int, game: GAN) -> Stage:
    (stage,) = build_experiment(config, game).stages
    return stage._replace(name=name, steps=steps)


def _init(last: Stage, rng: Array) -> TrainState:
    """The state of all sides' layers."""
    return last.method.init(rng, zeros_of(last))


def _game(config: ConfigDict, side: int, *, fade: tuple[int, int] | None = None) -> GAN:
    """The game at a side; ``fade`` is the step that a fade begins at, and its length."""
    growth = dict(side=side, fade=fade is not None)
    game = bind(
        config,
        generator=construct(progan.Generator, "generator", config.generator, **growth),
        discriminator=construct(progan.Discriminator, "discriminator", config.discriminator, **growth),
        prior=latent_prior(config),
        makers=TERMS,
    )
    if fade is not None:
        start, steps = fade
        inputs = functools.partial(alpha_at, start=start, steps=steps)
        game = dataclasses.replace(game, network_inputs=inputs, preprocess=faded)
    return with_fresh_optimizers(game)


def alpha_at(step: Array, extra: Mapping[str, Any], *, start: int, steps: int) -> dict[str, Array]:
    """How much of the new side there is after ``step`` completed steps: 0 at the fade's first step."""
    del extra
    return {"alpha": jnp.clip((step - start) / steps, 0, 1).astype(jnp.float32)}


def faded(images: Array, rng: Array, inputs: Mapping[str, Any]) -> Array:
    """Real images as networks see them that fade in."""
    del rng
    return progan.faded_images(images, inputs["alpha"])
