"""ADA's geometric transforms: one affine resampling of every image (Karras et al. 2020, arXiv:2006.06676, appendix B;
code NVlabs/stylegan2-ada-pytorch, ``training/augment.py``).

Images are padded by reflection, upsampled by two with the orthogonal wavelet sym6 as low-pass filter, sampled
bilinearly where the inverse transform says, and downsampled with the same filter. Along an axis padding and filters are
linear maps that are known beforehand, so they are matrices here; what is left to gather are the four neighbours of
every sample, for the whole batch at once.

The filter is orthogonal to its even shifts: where nothing moves, or by whole pixels, the image comes back as it was.
Flips and turns are right to a tenth of a pixel, by what the filter leans to one side.
"""

import functools
import math
from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

# Of PyWavelets' table, decomposition low-pass; of sum sqrt(2).
_SYM6 = (
    0.015404109327027373,
    0.0034907120842174702,
    -0.11799011114819057,
    -0.048311742585633,
    0.4910559419267466,
    0.787641141030194,
    0.3379294217276218,
    -0.07263752278646252,
    -0.021060292512300564,
    0.04472490177066578,
    0.0017677118642428036,
    -0.007800708325034148,
)
_LOW_PASS = np.array(_SYM6) / sum(_SYM6)
_TAPS = len(_SYM6)

# Pixels sampled beyond every border of the image, which the downsampling filter sees.
_BORDER = _TAPS // 4

# Products of lesser precision, the default on TPU, would move and round pixels.
_PRECISION = jax.lax.Precision.HIGHEST

GEOMETRY = ("xflip", "rotate90", "xint", "scale", "pre_rotation", "aniso", "post_rotation", "xfrac")


@functools.cache
def _upsampling(size: int) -> np.ndarray:
    """[2 (3 size - 2), size]: reflection by size - 1 pixels at either end, zeros between pixels, and the filter."""
    reflected = np.pad(np.eye(size), ((size - 1, size - 1), (0, 0)), mode="reflect") if size > 1 else np.eye(1)
    spread = np.zeros((2 * len(reflected), size))
    spread[::2] = reflected
    filtered = [np.convolve(column, 2 * _LOW_PASS) for column in spread.T]
    # Six taps before a sample and five after it, as the reference pads.
    return np.stack(filtered, axis=1)[_TAPS // 2 - 1 :][: len(spread)].astype(np.float32)


@functools.cache
def _downsampling(size: int) -> np.ndarray:
    """[size, 2 (size + 2 border)]: the filter, reversed, at every second sample."""
    matrix = np.zeros((size, 2 * (size + 2 * _BORDER)))
    for row in range(size):
        matrix[row, 2 * row + 1 : 2 * row + 1 + _TAPS] = _LOW_PASS
    return matrix.astype(np.float32)


def _matrix(*rows: tuple[Array | float, ...]) -> Array:
    """[B, n, m] of n rows of m entries, [B] or numbers."""
    entries = jnp.broadcast_arrays(*(jnp.asarray(entry, jnp.float32) for row in rows for entry in row))
    return jnp.stack(entries, axis=-1).reshape(*entries[0].shape, len(rows), len(rows[0]))


def _translation(x: Array | float, y: Array | float) -> Array:
    return _matrix((1.0, 0.0, x), (0.0, 1.0, y), (0.0, 0.0, 1.0))


def _scaling(x: Array | float, y: Array | float) -> Array:
    return _matrix((x, 0.0, 0.0), (0.0, y, 0.0), (0.0, 0.0, 1.0))


def _rotation(angle: Array) -> Array:
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    return _matrix((cos, -sin, 0.0), (sin, cos, 0.0), (0.0, 0.0, 1.0))


def _inverse(name: str, value: Array) -> Array:
    """The inverse of one transform, [B, 3, 3], in pixels around the image's middle, x to the right and y down."""
    if name == "xflip":
        return _scaling(1.0 - 2.0 * value, 1.0)
    if name == "rotate90":
        return _rotation(math.pi / 2 * value)
    if name == "scale":
        return _scaling(1.0 / value, 1.0 / value)
    if name == "aniso":
        return _scaling(1.0 / value, value)
    if name in ("pre_rotation", "post_rotation"):
        return _rotation(value)
    return _translation(-value[:, 0], -value[:, 1])


def inverse_transform(drawn: Mapping[str, Array]) -> Array:
    """Where the pixels of the result come from: [B, 3, 3], a product of the inverses of the transforms in ``drawn``,
    taken in the order of :data:`GEOMETRY`.
    """
    matrices = [_inverse(name, drawn[name]) for name in GEOMETRY if name in drawn]
    return functools.reduce(lambda left, right: jnp.matmul(left, right, precision=_PRECISION), matrices)


def _sample(images: Array, x: Array, y: Array) -> Array:
    """Bilinear samples of [B, C, H, W] at x, y [B, N] -> [B, C, N]; pixels outside are zero."""
    batch, channels, height, width = images.shape
    flat = images.reshape(batch, channels, height * width)
    left, top = jnp.floor(x), jnp.floor(y)

    def corner(right: int, down: int) -> Array:
        column, row = left + right, top + down
        inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        weight = jnp.abs(1 - right - (x - left)) * jnp.abs(1 - down - (y - top))
        index = jnp.clip(row, 0, height - 1).astype(jnp.int32) * width + jnp.clip(column, 0, width - 1).astype(
            jnp.int32
        )
        pixels = jnp.take_along_axis(flat, index[:, None], axis=2, mode="promise_in_bounds")
        return pixels * jnp.where(inside, weight, 0.0)[:, None]

    return corner(0, 0) + corner(1, 0) + corner(0, 1) + corner(1, 1)


def _along_both(rows: np.ndarray, columns: np.ndarray, images: Array) -> Array:
    """Multiplies the height of [B, C, H, W] by ``rows`` and the width by ``columns``."""
    images = jnp.einsum("ik,bckl->bcil", rows, images, precision=_PRECISION)
    return jnp.einsum("jl,bcil->bcij", columns, images, precision=_PRECISION)


def resample(images: Array, inverse: Array) -> Array:
    """Transforms images by the inverses of their transforms.

    The reference pads by as much as the image of the batch that needs most, at most size - 1; here it is always
    size - 1, so that no image depends on the others. What lies beyond is zero, in both.

    Args:
      images: [B, H, W, C] float32.
      inverse: [B, 3, 3] from pixels of the result to pixels of ``images``, around the middle.

    Returns:
      [B, H, W, C] float32.
    """
    _, height, width, _ = images.shape
    # Channels first: neighbouring samples are then next to each other in memory, a fifth of the time on a CPU.
    padded = _along_both(_upsampling(height), _upsampling(width), jnp.moveaxis(images, 3, 1))
    tall, wide = 2 * (height + 2 * _BORDER), 2 * (width + 2 * _BORDER)
    # The filter leans to one side, by about half an upsampled pixel, which is taken off around the transform.
    doubled = _matrix((2.0, 0.0, -0.5), (0.0, 2.0, -0.5), (0.0, 0.0, 1.0))
    halved = _matrix((0.5, 0.0, 0.25), (0.0, 0.5, 0.25), (0.0, 0.0, 1.0))
    transform = jnp.matmul(jnp.matmul(doubled, inverse, precision=_PRECISION), halved, precision=_PRECISION)
    x = (jnp.arange(wide, dtype=jnp.float32) + 0.5 - wide / 2)[None, None]
    y = (jnp.arange(tall, dtype=jnp.float32) + 0.5 - tall / 2)[None, :, None]
    a = transform[:, :, :, None, None]
    sources = (
        a[:, axis, 0] * x + a[:, axis, 1] * y + a[:, axis, 2] + size / 2 - 0.5
        for axis, size in ((0, padded.shape[3]), (1, padded.shape[2]))
    )
    samples = _sample(padded, *(source.reshape(-1, tall * wide) for source in sources))
    samples = samples.reshape(*padded.shape[:2], tall, wide)
    return jnp.moveaxis(_along_both(_downsampling(height), _downsampling(width), samples), 1, 3)
