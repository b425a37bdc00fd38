"""Haar transform of images, one level in two dimensions, and its inverse."""

import jax.numpy as jnp
from jax import Array


def haar(x: Array) -> Array:
    """Four bands at half the resolution: [B, H, W, C] -> [B, H/2, W/2, 4 C], an orthonormal change of basis.

    The first C channels are the means of 2x2 windows, times 2; then three bands for each channel of ``x``: differences
    down, across, and of both.

    Raises:
      ValueError: on odd sides.
    """
    rows, height, width, channels = x.shape
    if height % 2 or width % 2:
        raise ValueError(f"a Haar transform halves both sides, got {height} x {width}")
    windows = x.reshape(rows, height // 2, 2, width // 2, 2, channels)
    down = windows[:, :, 0] + windows[:, :, 1], windows[:, :, 0] - windows[:, :, 1]
    (low, across), (lower, both) = (
        (part[:, :, :, 0] + part[:, :, :, 1], part[:, :, :, 0] - part[:, :, :, 1]) for part in down
    )
    high = jnp.stack([lower, across, both], axis=-1).reshape(*low.shape[:3], 3 * channels)
    return jnp.concatenate([low, high], axis=-1) / 2


def inverse_haar(bands: Array) -> Array:
    """The images whose :func:`haar` transform ``bands`` are: [B, H, W, 4 C] -> [B, 2 H, 2 W, C].

    Raises:
      ValueError: where four does not divide the channels.
    """
    rows, height, width, channels = bands.shape
    if channels % 4:
        raise ValueError(f"{channels} channels are no four bands of a Haar transform")
    count = channels // 4
    low, high = bands[..., :count], bands[..., count:].reshape(rows, height, width, count, 3)
    lower, across, both = high[..., 0], high[..., 1], high[..., 2]
    even, odd = (
        jnp.stack([a + b, a - b], axis=3) for a, b in ((low + lower, across + both), (low - lower, across - both))
    )
    return jnp.stack([even, odd], axis=2).reshape(rows, 2 * height, 2 * width, count) / 2
