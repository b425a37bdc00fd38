"""What D is shown in the place of images: augmentations, adaptive or not, and noise."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxgan.augment import ada_augment, ada_update, apa_mix, diff_augment
from jaxgan.methods.regularizer import Play, Regularizer, TermOutput, off
from jaxgan.parallel import shard_batch
from jaxgan.training.state import Metrics, TrainState, Variables


def diffaugment(*, policy: str = "") -> Regularizer | None:
    """DiffAugment (Zhao et al. 2020, arXiv:2006.10738): D sees every image, real or generated, under a random
    augmentation through which G learns; None for no policy.

    Args:
      policy: of 'color,translation,cutout' (the paper's strongest), any.
    """
    if not policy:
        return None
    return Regularizer("diffaugment", see=lambda images, rng, extra, step: diff_augment(images, rng, policy=policy))


def _controlled(name: str, *, target: float, speed_images: int, batch_size: int) -> dict[str, Any]:
    """What makes a regularizer's probability, ``extra[name]``, follow r_t, the mean sign of D on real images
    (arXiv:2006.06676, eq. 1), which is 1 where D knows them all by heart; both are logged.
    """

    def init(nets: dict[str, Variables]) -> Array:
        del nets
        return jnp.zeros(())

    def update(p: Array, metrics: Metrics, state: TrainState) -> Array:
        del state
        return ada_update(p, metrics["d/real_sign"], images=batch_size, target=target, speed_images=speed_images)

    def d_term(play: Play) -> TermOutput:
        if play.real is None:
            raise ValueError("the overfitting heuristic needs D's logits of real images")
        seen = {"real_sign": jnp.sign(play.real.logits).mean(), f"{name}_p": play.extra[name]}
        return TermOutput(jnp.zeros(()), seen)

    return dict(d_term=d_term, init=init, update=update)


def ada(*, pipeline: str = "", target: float = 0.6, speed_images: int = 500_000, batch_size: int) -> Regularizer | None:
    """Adaptive discriminator augmentation (Karras et al. 2020, arXiv:2006.06676): the probability p of each transform
    rises while D overfits; None for no pipeline.

    p lies in ``extra['ada']`` and moves at every step; StyleGAN2-ADA's code moves it at every fourth, by as much in
    all.

    Args:
      pipeline: see :func:`jaxgan.nn.ada_augment`; the paper's is 'bgc'.
      target: of r_t, the mean sign of D on real images.
      speed_images: images in which p could rise from 0 to 1.
      batch_size: real images of a D play.
    """
    if not pipeline:
        return None

    def see(images: Array, rng: Array, extra: dict[str, Any], step: Array) -> Array:
        del step
        return ada_augment(images, rng, extra["ada"], pipeline=pipeline)

    controlled = _controlled("ada", target=target, speed_images=speed_images, batch_size=batch_size)
    return Regularizer("ada", see=see, **controlled)


def apa(*, on: bool = False, target: float = 0.6, speed_images: int = 500_000, batch_size: int) -> Regularizer | None:
    """Adaptive pseudo augmentation (Jiang et al. 2021, arXiv:2111.06849): fakes are shown to D as real, the more the
    further D overfits; None where not ``on``.

    The probability lies in ``extra['apa']``; the other arguments are as for :func:`ada`.
    """
    if not on:
        return None

    def mix(real: Array, fake: Array, *, rng: Array, extra: dict[str, Any]) -> Array:
        return apa_mix(real, fake, rng, extra["apa"])

    controlled = _controlled("apa", target=target, speed_images=speed_images, batch_size=batch_size)
    return Regularizer("apa", mix=mix, **controlled)


def instance_noise(*, sigma: float = 0.0, steps: int = 0) -> Regularizer | None:
    """Gaussian noise on whatever D sees, annealed linearly to none (Arjovsky & Bottou 2017, arXiv:1701.04862, section
    3; Sonderby et al. 2016, arXiv:1610.04490); None where ``sigma`` is 0.

    Args:
      sigma: deviation at the start, where images span [-1, 1].
      steps: after which it is gone; 0 to keep it.
    """
    if off(sigma):
        return None

    def see(images: Array, rng: Array, extra: dict[str, Any], step: Array) -> Array:
        del extra
        left = jnp.clip(1.0 - step / steps, 0.0, 1.0) if steps else 1.0
        return images + sigma * left * shard_batch(jax.random.normal(rng, images.shape, images.dtype))

    return Regularizer("instance_noise", see=see)
