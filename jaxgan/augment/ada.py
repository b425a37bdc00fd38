"""Adaptive discriminator augmentation (Karras et al. 2020, arXiv:2006.06676; code NVlabs/stylegan2-ada-pytorch).

Every image, real or generated, goes through a pipeline in which each transform comes with probability p, small enough
that the generator does not learn the transforms (section 2.2); p follows how far the discriminator overfits. The
pipeline is differentiable in the images, and linear except for what is added to them. Random numbers are drawn in one
function and used in another.
"""

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from jaxgan.augment.ada_color import CHROMA, COLOR, color_transform, recolor
from jaxgan.augment.ada_filter import BANDS, band_gains, cut_out, filter_bands
from jaxgan.augment.ada_geometry import GEOMETRY, inverse_transform, resample
from jaxgan.parallel import shard_batch

_BLIT, _GEOM = GEOMETRY[:3], GEOMETRY[3:]

PIPELINES: Mapping[str, tuple[str, ...]] = {
    "blit": _BLIT,
    "geom": _GEOM,
    "color": COLOR,
    "filter": ("imgfilter",),
    "noise": ("noise",),
    "cutout": ("cutout",),
    "bg": GEOMETRY,
    "bgc": GEOMETRY + COLOR,
    "bgcf": (*GEOMETRY, *COLOR, "imgfilter"),
    "bgcfn": (*GEOMETRY, *COLOR, "imgfilter", "noise"),
    "bgcfnc": (*GEOMETRY, *COLOR, "imgfilter", "noise", "cutout"),
}

_Sides = Array
"""[1, 2], the width and the height of the images."""


class _Draw(NamedTuple):
    """Random numbers of a transform, normal or uniform in [0, 1): [B, numbers], or [B] of one.

    ``neutral`` is their value where the transform does not come, which ``decisions`` uniform numbers say.
    """

    value: Callable[[Array, _Sides], Array]
    normal: bool = False
    numbers: int = 1
    neutral: float = 0.0
    decisions: int = 1


def _angle(uniform: Array, sides: _Sides) -> Array:
    del sides
    return math.pi * (2.0 * uniform - 1.0)


def _factor(deviation: float, *, numbers: int = 1) -> _Draw:
    value = lambda normal, sides: jnp.exp2(deviation * normal)  # noqa: E731
    return _Draw(value, normal=True, numbers=numbers, neutral=1.0, decisions=numbers)


_DRAWS: Mapping[str, _Draw] = {
    "xflip": _Draw(lambda uniform, sides: jnp.floor(2.0 * uniform)),
    "rotate90": _Draw(lambda uniform, sides: jnp.floor(4.0 * uniform)),
    "xint": _Draw(lambda uniform, sides: jnp.round(0.125 * (2.0 * uniform - 1.0) * sides), numbers=2),
    "scale": _factor(0.2),
    "pre_rotation": _Draw(_angle),
    "aniso": _factor(0.2),
    "post_rotation": _Draw(_angle),
    "xfrac": _Draw(lambda normal, sides: 0.125 * normal * sides, normal=True, numbers=2),
    "brightness": _Draw(lambda normal, sides: 0.2 * normal, normal=True),
    "contrast": _factor(0.5),
    "lumaflip": _Draw(lambda uniform, sides: jnp.floor(2.0 * uniform)),
    "hue": _Draw(_angle),
    "saturation": _factor(1.0),
    "imgfilter": _factor(1.0, numbers=BANDS),
    # The deviation; its field of normal numbers is drawn separately.
    "noise": _Draw(lambda normal, sides: 0.1 * jnp.abs(normal), normal=True),
    "cutout": _Draw(lambda uniform, sides: uniform, numbers=2, neutral=jnp.inf),
}


class _Columns:
    """Hands out columns of [B, N] from the left; one column as [B]."""

    def __init__(self, numbers: Array) -> None:
        self.rest = shard_batch(numbers)

    def take(self, count: int) -> Array:
        taken, self.rest = self.rest[:, :count], self.rest[:, count:]
        return taken[:, 0] if count == 1 else taken


def draw(rng: Array, shape: tuple[int, ...], p: Array | float, *, pipeline: str = "bgc") -> dict[str, Array]:
    """The numbers of a pipeline for images of ``shape`` [B, H, W, C], by transform.

    A transform comes to an image with probability p, except the two rotations, one of which comes with it:
    1 - sqrt(1 - p) each. Where it does not, its numbers are those that change nothing. A flip or a turn that comes is
    drawn from all of them, so half of the flips change nothing either.

    Returns:
      Of those of the pipeline, float32 [B]: ``xflip`` 0 or 1; ``rotate90`` 0 to 3 quarters; ``scale`` and ``aniso``,
      factors; ``pre_rotation``, ``post_rotation`` and ``hue``, angles; ``brightness``; ``contrast`` and ``saturation``,
      factors; ``lumaflip`` 0 or 1. [B, 2], x then y: ``xint`` and ``xfrac``, pixels; ``cutout``, the rectangle's middle
      as a part of width and height, or infinite. ``imgfilter`` [B, 4], factors of the bands; ``noise`` [B, H, W, C].
      Grey images get neither hue nor saturation.

    Raises:
      ValueError: where the pipeline is unknown, naming those that exist, or ``shape`` has not four axes.
    """
    if pipeline not in PIPELINES:
        raise ValueError(f"unknown ADA pipeline {pipeline!r}; choose from {list(PIPELINES)}")
    if len(shape) != 4:
        raise ValueError(f"ADA takes images [B, H, W, C], got shape {tuple(shape)}")
    batch, height, width, channels = shape
    chosen = {n: _DRAWS[n] for n in PIPELINES[pipeline] if channels > 1 or n not in CHROMA}
    # Few draws of many numbers: a program with two for every transform takes three times as long to compile.
    rngs = jax.random.split(rng, 4)
    normal = _Columns(jax.random.normal(rngs[0], (batch, sum(d.numbers for d in chosen.values() if d.normal))))
    uniform = _Columns(jax.random.uniform(rngs[1], (batch, sum(d.numbers for d in chosen.values() if not d.normal))))
    decision = _Columns(jax.random.uniform(rngs[2], (batch, sum(d.decisions for d in chosen.values()))))
    sides, p = jnp.array([[width, height]], jnp.float32), jnp.asarray(p, jnp.float32)
    drawn = {}
    for name, how in chosen.items():
        chance = 1.0 - jnp.sqrt(jnp.clip(1.0 - p, 0.0, 1.0)) if name.endswith("_rotation") else p
        value = how.value((normal if how.normal else uniform).take(how.numbers), sides)
        comes = decision.take(how.decisions) < chance
        drawn[name] = jnp.where(comes if comes.ndim == value.ndim else comes[:, None], value, how.neutral)
    if "noise" in drawn:
        field = shard_batch(jax.random.normal(rngs[3], (batch, height, width, channels)))
        drawn["noise"] = drawn["noise"][:, None, None, None] * field
    return drawn


def apply(images: Array, drawn: Mapping[str, Array]) -> Array:
    """Transforms images [B, H, W, C] by numbers that :func:`draw` gave, in the reference's order whatever the pipeline:
    geometry in one resampling, colours in one affine map, filter, noise, cutout. The dtype is that of ``images``;
    computed in float32.
    """
    wide = images.astype(jnp.float32)
    if any(name in drawn for name in GEOMETRY):
        wide = resample(wide, inverse_transform(drawn))
    if any(name in drawn for name in COLOR):
        wide = recolor(wide, color_transform(drawn))
    if "imgfilter" in drawn:
        wide = filter_bands(wide, band_gains(drawn["imgfilter"]))
    if "noise" in drawn:
        wide = wide + drawn["noise"]
    if "cutout" in drawn:
        wide = cut_out(wide, drawn["cutout"])
    return wide.astype(images.dtype)


def ada_augment(images: Array, rng: Array, p: Array | float, *, pipeline: str = "bgc") -> Array:
    """Augments every image of a batch, each transform with probability ``p``: real and generated ones, in D's updates
    and in G's.

    Flips and quarter turns go through the filters of the resampling as the others do, as in the reference, and come out
    a little soft; where nothing comes at all the image is unchanged.

    Args:
      images: [B, H, W, C] float, about [-1, 1], of 1 or 3 channels; the result may lie outside.
      rng: a key.
      p: [] float in [0, 1], may be traced.
      pipeline: of :data:`PIPELINES`: the paper's is 'bgc', pixel blitting, geometry and colours.

    Returns:
      [B, H, W, C], of the dtype of ``images``.

    Raises:
      ValueError: where the pipeline is unknown, or ``images`` are not images of 1 or 3 channels.
    """
    return apply(images, draw(rng, images.shape, p, pipeline=pipeline))


def ada_update(
    p: Array | float, sign_mean: Array | float, *, images: int, target: float = 0.6, speed_images: int = 500_000
) -> Array:
    """Moves the augmentation probability by a step towards the target (section 3.1): up where the discriminator
    overfits by more than it.

    The reference keeps p above 0 and sets no upper limit: past 1 every transform comes, as at 1, but p has the way back
    to go. Here p stays in [0, 1].

    Args:
      p: [] float.
      sign_mean: [] float, r_t = E[sign(D(x))] over real images; the reference averages it over four steps.
      images: real images seen since the last update.
      target: of r_t.
      speed_images: images in which p goes from 0 to 1 at the fastest.

    Returns:
      The new p, [] float32.
    """
    step = jnp.sign(jnp.asarray(sign_mean, jnp.float32) - target) * (images / speed_images)
    return jnp.clip(jnp.asarray(p, jnp.float32) + step, 0.0, 1.0)
