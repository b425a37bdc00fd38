"""The three resizers that published scores were computed with; they differ, and so do the scores.

Which to use: ``tf1`` for numbers comparable to those of torch-fidelity, StudioGAN's "legacy" mode or the original
TensorFlow code (FID, Inception Score: most of the literature); ``torch`` for numbers comparable to pytorch-fid's;
``clean`` for images that are not of the network's size already and for whoever starts afresh: the other two alias, and
a small change of the images (a JPEG quality, a resampling filter) moves their score more than it should (Parmar et al.
2022, arXiv:2104.11222).
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

RESIZERS = ("tf1", "torch", "clean")


def _bilinear(size: int, out: int, *, half_pixel: bool) -> np.ndarray:
    """[out, size] float64 weights of bilinear interpolation without antialias."""
    # In float32 throughout, as the reference implementations have it: the rounding shows in the weights.
    scale = np.float32(size / out)
    place = np.arange(out, dtype=np.float32)
    half = np.float32(0.5)
    position = np.maximum((place + half) * scale - half, np.float32(0)) if half_pixel else place * scale
    position = position.astype(np.float64)
    low = np.minimum(np.floor(position).astype(int), size - 1)
    high = np.minimum(low + 1, size - 1)
    weights = np.zeros((out, size))
    np.add.at(weights, (np.arange(out), low), 1.0 - (position - low))
    np.add.at(weights, (np.arange(out), high), position - low)
    return weights


def _bicubic_antialias(size: int, out: int) -> np.ndarray:
    """[out, size] float64 weights of Pillow's bicubic filter (a = -1/2), widened where it shrinks."""
    scale = size / out
    stretch = max(scale, 1.0)
    center = (np.arange(out) + 0.5) * scale
    # Pillow cuts the filter's support at whole pixels, by these roundings.
    first = np.maximum((center - 2.0 * stretch + 0.5).astype(int), 0)
    last = np.minimum((center + 2.0 * stretch + 0.5).astype(int), size)
    pixel = np.arange(size)
    x = np.abs((pixel[None] - center[:, None] + 0.5) / stretch)
    near = (1.5 * x - 2.5) * x * x + 1.0
    far = -0.5 * (((x - 5.0) * x + 8.0) * x - 4.0)
    weights = np.where(x < 1.0, near, np.where(x < 2.0, far, 0.0))
    weights *= (pixel[None] >= first[:, None]) & (pixel[None] < last[:, None])
    return weights / weights.sum(1, keepdims=True)


@functools.cache
def _weights(resizer: str, size: int, out: int) -> np.ndarray:
    if resizer == "clean":
        return _bicubic_antialias(size, out)
    return _bilinear(size, out, half_pixel=resizer == "torch")


def resize(images: Array, size: tuple[int, int], resizer: str) -> Array:
    """Resizes as the named reference does.

    Args:
      images: [B, H, W, C] float32 (or uint8), in 0 ... 255.
      size: (height, width) of the result.
      resizer: 'tf1' is TensorFlow 1's bilinear, source = target * in / out, as in torch-fidelity; 'torch' is bilinear
        at pixel centres without antialias, as in pytorch-fid; 'clean' is Pillow's bicubic with antialias on float
        channels, clipped to 0 ... 255, as in clean-fid.

    Returns:
      [B, *size, C] float32; images that have the size already come back unchanged.

    Raises:
      ValueError: on another name.
    """
    if resizer not in RESIZERS:
        raise ValueError(f"unknown resizer {resizer!r}; choose from {', '.join(RESIZERS)}")
    x = images.astype(jnp.float32)
    height, width = x.shape[1:3]
    if (height, width) == size:
        return x
    rows = jnp.asarray(_weights(resizer, height, size[0]), jnp.float32)
    columns = jnp.asarray(_weights(resizer, width, size[1]), jnp.float32)
    exact = jax.lax.Precision.HIGHEST
    # The narrower intermediate first: for small images that is the order of fewer operations.
    x = jnp.einsum("bhwc,pw->bhpc", x, columns, precision=exact)
    x = jnp.einsum("bhpc,oh->bopc", x, rows, precision=exact)
    return jnp.clip(x, 0.0, 255.0) if resizer == "clean" else x
