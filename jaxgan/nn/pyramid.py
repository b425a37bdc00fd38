"""Laplacian pyramids (Burt & Adelson 1983; for GANs Denton et al. 2015, arXiv:1506.05751, section 2.2).

The image is halved again and again; what each halving loses against the smaller image, upsampled, is the residual of
that level, so that adding residuals up gives the image back whatever the filters. The filters are those of
facebook/eyescream's CIFAR code, torch7's ``image.scale``: 2x2 pixels are averaged, and upsampling interpolates linearly
between corners that stay where they are. With ``method="nearest"`` pixels repeat, and each 2x2 of a residual has mean
zero (Haar's).

All take [B, H, W, C] images or [B, N] signals: a point of the plane is a signal of two pixels, whose coarser level is
their mean, [B, 1].
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxgan.nn.resample import average_pool, upsample_nearest

METHODS = ("linear", "nearest")


class Pyramid(NamedTuple):
    """The result of :func:`laplacian_pyramid`."""

    coarse: Array
    """The smallest image, sides divided by 2 ** levels."""
    residuals: tuple[Array, ...]
    """From the coarsest, twice the size of ``coarse``, to the finest, of the image's size."""


def _check_rank(x: Array) -> None:
    if x.ndim not in (2, 4):
        raise ValueError(f"pyramids are of images [B, H, W, C] or signals [B, N], got shape {x.shape}")


def _interpolation(size: int) -> np.ndarray:
    """[2 size, size]: row i reads at i (size - 1) / (2 size - 1)."""
    at = np.arange(2 * size) * (size - 1) / (2 * size - 1)
    return np.maximum(1 - np.abs(at[:, None] - np.arange(size)), 0).astype(np.float32)


def downsample(x: Array) -> Array:
    """Averages neighbours: [B, H, W, C] -> [B, H/2, W/2, C], or [B, N] -> [B, N/2].

    Raises:
      ValueError: on odd sizes or another rank.
    """
    _check_rank(x)
    if x.ndim == 4:
        return average_pool(x)
    if x.shape[1] % 2:
        raise ValueError(f"halving a signal needs an even size, got {x.shape[1]}")
    return x.reshape(x.shape[0], -1, 2).mean(2)


def upsample(x: Array, *, method: str = "linear") -> Array:
    """Doubles: [B, H, W, C] -> [B, 2H, 2W, C], or [B, N] -> [B, 2N].

    Args:
      x: float.
      method: 'linear' between fixed corners, or 'nearest'.

    Raises:
      ValueError: on another method or rank.
    """
    _check_rank(x)
    if method not in METHODS:
        raise ValueError(f"method={method!r}; choose from {', '.join(METHODS)}")
    if method == "nearest":
        return upsample_nearest(x) if x.ndim == 4 else jnp.repeat(x, 2, axis=1)
    for axis in range(1, x.ndim - 1 if x.ndim == 4 else x.ndim):
        weights = _interpolation(x.shape[axis]).astype(x.dtype)
        # Full precision: on TPU products of float32 are otherwise those of bfloat16, and colours shift.
        doubled = jnp.tensordot(x, weights, axes=((axis,), (1,)), precision=jax.lax.Precision.HIGHEST)
        x = jnp.moveaxis(doubled, -1, axis)
    return x


def laplacian_pyramid(images: Array, levels: int, *, method: str = "linear") -> Pyramid:
    """Splits images into a coarsest image and the residual of each level.

    Args:
      images: [B, H, W, C] or [B, N] float, sizes divisible by 2 ** levels.
      levels: how often they are halved: the number of residuals.
      method: of :func:`upsample`.

    Returns:
      :class:`Pyramid`.

    Raises:
      ValueError: where a size is odd before it is halved, or ``levels`` negative.
    """
    if levels < 0:
        raise ValueError(f"levels={levels}: a pyramid has 0 or more")
    residuals = []
    for _ in range(levels):
        coarse = downsample(images)
        residuals.append(images - upsample(coarse, method=method))
        images = coarse
    return Pyramid(images, tuple(reversed(residuals)))


def reconstruct(pyramid: Pyramid, *, method: str = "linear") -> Array:
    """The images of which :func:`laplacian_pyramid` with the same ``method`` made ``pyramid``, up to rounding."""
    images = pyramid.coarse
    for residual in pyramid.residuals:
        images = upsample(images, method=method) + residual
    return images
