"""Adaptive augmentation of D's input: ADA and APA, whose probability follows D's overfitting."""

from typing import Any

import jax.numpy as jnp
from jax import Array

from jaxgan.augment import ada_update, apa_mix
from jaxgan.augment.ada import apply, draw
from jaxgan.augment.ada_geometry import GEOMETRY
from jaxgan.methods.regularizer import Conditioned, Context, Regularizer, TermOutput, mean_over_scales
from jaxgan.methods.terms.spatial import move_spatial
from jaxgan.training.state import Metrics, TrainState, Variables


def _controlled(name: str, *, target: float, speed_images: int, batch_size: int) -> dict[str, Any]:
    """Parts of a regularizer whose probability, ``extra[name]``, follows r_t, the mean sign of D on real images
    (arXiv:2006.06676, eq. 1), which is 1 where D knows them all by heart; both are logged.
    """

    def init(nets: dict[str, Variables], fakes: Any) -> Array:
        del nets, fakes
        return jnp.zeros(())

    def update(p: Array, metrics: Metrics, state: TrainState) -> Array:
        del state
        return ada_update(p, metrics["d/real_sign"], images=batch_size, target=target, speed_images=speed_images)

    def d_term(context: Context) -> TermOutput:
        if context.real is None:
            raise ValueError("the overfitting heuristic needs D's logits of real images")
        sign = mean_over_scales(lambda logits: jnp.sign(logits).mean(), context.real.logits)
        return TermOutput(jnp.zeros(()), {"real_sign": sign, f"{name}_p": context.extra[name]})

    return dict(d_term=d_term, init=init, update=update)


def ada(*, pipeline: str = "", target: float = 0.6, speed_images: int = 500_000, batch_size: int) -> Regularizer | None:
    """Adaptive discriminator augmentation (Karras et al. 2020, arXiv:2006.06676): the probability p of each transform
    rises while D overfits; None for no pipeline.

    p lies in ``extra['ada']`` and moves at every step; StyleGAN2-ADA's code moves it at every fourth, by as much in
    all. Leaves of the condition that are images go through the geometric transforms with their image.

    Args:
      pipeline: see :func:`jaxgan.augment.ada_augment`; the paper's is 'bgc'.
      target: of r_t, the mean sign of D on real images.
      speed_images: images in which p could rise from 0 to 1.
      batch_size: real images of a D update.
    """
    if not pipeline:
        return None

    def augment(pair: Conditioned, rng: Array, extra: dict[str, Any], step: Array) -> Conditioned:
        del step
        images, condition = pair
        drawn = draw(rng, images.shape, extra["ada"], pipeline=pipeline)
        spatial = {name: value for name, value in drawn.items() if name in (*GEOMETRY, "cutout")}
        return apply(images, drawn), move_spatial(condition, images, lambda x: apply(x, spatial))

    controlled = _controlled("ada", target=target, speed_images=speed_images, batch_size=batch_size)
    return Regularizer("ada", augment=augment, **controlled)


def apa(*, on: bool = False, target: float = 0.6, speed_images: int = 500_000, batch_size: int) -> Regularizer | None:
    """Adaptive pseudo augmentation (Jiang et al. 2021, arXiv:2111.06849): fakes are shown to D as real, the more the
    further D overfits; None where not ``on``.

    The probability lies in ``extra['apa']``; the other arguments are as for :func:`ada`.
    """
    if not on:
        return None

    def replace_real(real: Array, fake: Array, *, rng: Array, extra: dict[str, Any]) -> Array:
        return apa_mix(real, fake, rng, extra["apa"])

    controlled = _controlled("apa", target=target, speed_images=speed_images, batch_size=batch_size)
    return Regularizer("apa", replace_real=replace_real, **controlled)
