"""ADA's image-space filter and corruptions (Karras et al. 2020, arXiv:2006.06676, appendix B; code
NVlabs/stylegan2-ada-pytorch, ``training/augment.py``). The paper found that they do not help, and leaves them out of
'bgc', its choice.
"""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

BANDS = 4

# The wavelet sym2, which is Daubechies' of four taps, as decomposition low-pass.
_SYM2 = np.array([1 - math.sqrt(3), 3 - math.sqrt(3), 3 + math.sqrt(3), 1 + math.sqrt(3)]) / (4 * math.sqrt(2))

# Expected power of an image in the bands, low to high: a spectrum of 1/f.
_POWER = np.array([10, 1, 1, 1], np.float32) / 13

_PRECISION = jax.lax.Precision.HIGHEST


@functools.cache
def _bank() -> np.ndarray:
    """[BANDS, 43]: symmetric filters that sum to the identity, the lowest band first."""
    high = _SYM2 * (-1.0) ** np.arange(len(_SYM2))
    low2, high2 = (np.convolve(f, f[::-1]) / 2 for f in (_SYM2, high))
    bank = np.eye(BANDS, 1)
    for band in range(1, BANDS):
        spread = np.zeros((BANDS, 2 * bank.shape[1] - 1))
        spread[:, ::2] = bank
        bank = np.stack([np.convolve(row, low2) for row in spread])
        start = (bank.shape[1] - len(high2)) // 2
        bank[band, start : start + len(high2)] += high2
    return bank


@functools.cache
def _matrices(size: int) -> np.ndarray:
    """[BANDS, size, size]: the filters along an axis of ``size`` pixels, which are reflected beyond the ends."""
    bank = _bank()
    reach = bank.shape[1] // 2
    source = np.pad(np.arange(size), reach, mode="reflect") if size > 1 else np.zeros(2 * reach + 1, int)
    chosen = source[:, None] == np.arange(size)
    rows = [bank @ chosen[row : row + bank.shape[1]] for row in range(size)]
    return np.stack(rows, axis=1).astype(np.float32)


def band_gains(amplification: Array) -> Array:
    """The gains of the bands, [B, BANDS], for amplifications of one band after another, each of which keeps the
    expected power.
    """
    one = jnp.eye(BANDS)[None]
    each = amplification[:, :, None] * one + (1.0 - one)
    return (each / jnp.sqrt((_POWER[None, None] * jnp.square(each)).sum(-1, keepdims=True))).prod(1)


def filter_bands(images: Array, gains: Array) -> Array:
    """Multiplies the frequency bands of images [B, H, W, C] by gains [B, BANDS], along height and then along width."""
    rows, columns = (
        jnp.einsum("bk,kij->bij", gains, _matrices(size), precision=_PRECISION) for size in images.shape[1:3]
    )
    images = jnp.einsum("bik,bkjc->bijc", rows, images, precision=_PRECISION)
    return jnp.einsum("bjl,bilc->bijc", columns, images, precision=_PRECISION)


def cut_out(images: Array, centre: Array, *, size: float = 0.5) -> Array:
    """Zeros in a rectangle of ``size`` times the height and width of images [B, H, W, C].

    Args:
      images: float.
      centre: [B, 2], x and y as parts of width and height; infinite where nothing is cut.
      size: of the rectangle, as a part of either.
    """
    x, y = ((jnp.arange(n, dtype=jnp.float32) + 0.5) / n for n in (images.shape[2], images.shape[1]))
    columns, rows = (jnp.abs(at[None] - centre[:, axis, None]) < size / 2 for axis, at in ((0, x), (1, y)))
    return jnp.where((rows[:, :, None] & columns[:, None, :])[..., None], 0.0, images)
