"""ADA's transforms of colours: one affine map of the channels of every image (Karras et al. 2020, arXiv:2006.06676,
appendix B; code NVlabs/stylegan2-ada-pytorch, ``training/augment.py``).
"""

import functools
from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

COLOR = ("brightness", "contrast", "lumaflip", "hue", "saturation")

# Of these a grey image has none.
CHROMA = ("hue", "saturation")

_PRECISION = jax.lax.Precision.HIGHEST

# Onto the axis of grey, (1, 1, 1) / sqrt(3); of the fourth, homogeneous coordinate nothing.
_LUMA = np.zeros((1, 4, 4), np.float32)
_LUMA[:, :3, :3] = 1 / 3

# v x (.) for that axis v: a rotation around it is 1 + sin K + (1 - cos) (v v' - 1).
_CROSS = np.zeros((1, 4, 4), np.float32)
_CROSS[:, :3, :3] = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / np.sqrt(3)

_COLORS = np.diag([1, 1, 1, 0]).astype(np.float32)[None]
_SHIFT = np.zeros((1, 4, 4), np.float32)
_SHIFT[:, :3, 3] = 1


def _map(name: str, value: Array) -> Array:
    """One transform of homogeneous colours, [B, 4, 4]."""
    value = value[:, None, None]
    identity = jnp.eye(4)[None]
    if name == "brightness":
        return identity + value * _SHIFT
    if name == "contrast":
        return identity + (value - 1.0) * _COLORS
    if name == "lumaflip":
        return identity - 2.0 * value * _LUMA
    if name == "hue":
        cos, sin = jnp.cos(value), jnp.sin(value)
        return identity + sin * _CROSS + (1.0 - cos) * (_LUMA - _COLORS)
    # The reference multiplies the homogeneous coordinate too, which moves no colour: it comes last and is dropped.
    return identity + (value - 1.0) * (_COLORS - _LUMA)


def color_transform(drawn: Mapping[str, Array]) -> Array:
    """The product of the transforms in ``drawn``, the first of :data:`COLOR` applied first: [B, 4, 4]."""
    maps = [_map(name, drawn[name]) for name in COLOR if name in drawn]
    return functools.reduce(lambda before, then: jnp.matmul(then, before, precision=_PRECISION), maps)


def recolor(images: Array, transform: Array) -> Array:
    """Maps the colours of images [B, H, W, C] by [B, 4, 4].

    Grey images (C = 1) are multiplied by the mean over outputs of the matrix's row sums, and the mean shift is added.

    Raises:
      ValueError: where C is neither 1 nor 3.
    """
    linear, shift = transform[:, :3, :3], transform[:, :3, 3]
    if images.shape[-1] == 1:
        gain, lift = linear.sum(2).mean(1), shift.mean(1)
        return images * gain[:, None, None, None] + lift[:, None, None, None]
    if images.shape[-1] != 3:
        raise ValueError(f"ADA's colours are those of images of 1 or 3 channels, got shape {images.shape}")
    return jnp.einsum("bdc,bijc->bijd", linear, images, precision=_PRECISION) + shift[:, None, None]
