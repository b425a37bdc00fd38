"""Upsampling, a finite impulse response filter and downsampling, one after another, along height and width.

Plain shifts and sums, which XLA fuses, and whose derivatives of any order are again that: nothing is compiled by hand
for a device. StyleGAN2 filters all of its resampling so (Karras et al. 2020, arXiv:1912.04958, appendix B).
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

# StyleGAN2's low-pass filter.
BINOMIAL = (1.0, 3.0, 3.0, 1.0)
Pads = tuple[int, int]


def upfirdn(
    x: Array,
    taps: Sequence[float] = BINOMIAL,
    *,
    up: int = 1,
    down: int = 1,
    pads: Pads | tuple[Pads, Pads] = (0, 0),
    gain: float = 1.0,
) -> Array:
    """Zeros after each pixel, ``up - 1`` of them; zeros around, or less of the image where pads are negative; the
    filter along both axes, as a convolution; every ``down``-th pixel.

    Args:
      x: [B, H, W, C] float.
      taps: of the filter along one axis, brought to sum 1.
      up, down: whole factors.
      pads: (before, after) along both axes, or for height and for width, in pixels of the upsampled image.
      gain: factor of the result; up^2 keeps the mean.

    Returns:
      [B, H', W', C] of the dtype of ``x``, H' = (H up + before + after - taps) // down + 1; computed in float32.

    Raises:
      ValueError: where nothing would be left.
    """
    along = pads if isinstance(pads[0], tuple) else (pads, pads)
    weights = np.asarray(taps, np.float64)
    weights = weights / weights.sum() * np.sqrt(gain)
    wide = x.astype(jnp.float32)
    for axis, (before, after) in zip((1, 2), along):
        wide = _along(wide, axis, weights, up, down, int(before), int(after))  # type: ignore[call-overload]
    return wide.astype(x.dtype)


def _along(x: Array, axis: int, taps: np.ndarray, up: int, down: int, before: int, after: int) -> Array:
    size, count = x.shape[axis], len(taps)
    length = size * up + before + after - count + 1
    if length < 1:
        raise ValueError(f"upfirdn of {size} pixels, up={up}, pads {before, after} and {count} taps leaves nothing")
    if up > 1 and down == 1:
        return _interleaved(x, axis, taps, up, before, length)
    low, high, interior = before, after + up - 1, up - 1
    padded = jax.lax.pad(
        x, jnp.zeros((), x.dtype), [(low, high, interior) if a == axis else (0, 0, 0) for a in range(4)]
    )
    # A convolution turns the filter around.
    parts = [
        float(taps[count - 1 - k]) * jax.lax.slice_in_dim(padded, k, k + length, stride=down, axis=axis)
        for k in range(count)
        if taps[count - 1 - k]
    ]
    return sum(parts[1:], parts[0])


def _interleaved(x: Array, axis: int, taps: np.ndarray, up: int, before: int, length: int) -> Array:
    """Without multiplying the zeros between pixels: each phase of the result is a filter of the image itself."""
    size, count, each = x.shape[axis], len(taps), -(-length // up)
    # Result i is the sum of taps[count - 1 - k] * upsampled[i + k - before].
    shifts = {
        phase: [(k, (phase + k - before) // up) for k in range(count) if (phase + k - before) % up == 0]
        for phase in range(up)
    }
    lowest = min([shift for found in shifts.values() for _, shift in found], default=0)
    highest = max([shift for found in shifts.values() for _, shift in found], default=0)
    low, high = max(-lowest, 0), max(highest + each - size, 0)
    padded = jax.lax.pad(x, jnp.zeros((), x.dtype), [(low, high, 0) if a == axis else (0, 0, 0) for a in range(4)])
    phases = []
    for phase in range(up):
        parts = [
            float(taps[count - 1 - k]) * jax.lax.slice_in_dim(padded, low + shift, low + shift + each, axis=axis)
            for k, shift in shifts[phase]
        ]
        zeros = jnp.zeros([each if a == axis else n for a, n in enumerate(x.shape)], x.dtype)
        phases.append(sum(parts[1:], parts[0]) if parts else zeros)
    joined = jnp.stack(phases, axis=axis + 1)
    shape = [*x.shape[:axis], each * up, *x.shape[axis + 1 :]]
    return jax.lax.slice_in_dim(joined.reshape(shape), 0, length, axis=axis)


def upsample(x: Array, taps: Sequence[float] = BINOMIAL, *, up: int = 2) -> Array:
    """``up`` times the height and width, the mean unchanged."""
    count = len(taps)
    return upfirdn(x, taps, up=up, pads=((count + up - 1) // 2, (count - up) // 2), gain=up**2)


def downsample(x: Array, taps: Sequence[float] = BINOMIAL, *, down: int = 2) -> Array:
    """A ``down``-th of the height and width."""
    count = len(taps)
    return upfirdn(x, taps, down=down, pads=((count - down + 1) // 2, (count - down) // 2))
