"""Upsampling and pooling of [B, H, W, C] by a factor of two."""

import jax.numpy as jnp
from jax import Array


def upsample_nearest(x: Array) -> Array:
    """Repeats every pixel twice along height and width: [B, H, W, C] -> [B, 2H, 2W, C]."""
    b, h, w, c = x.shape
    return jnp.broadcast_to(x[:, :, None, :, None], (b, h, 2, w, 2, c)).reshape(b, 2 * h, 2 * w, c)


def _windows(x: Array) -> Array:
    b, h, w, c = x.shape
    if h % 2 or w % 2:
        raise ValueError(f"pooling by 2 needs even height and width, got {h}x{w}")
    return x.reshape(b, h // 2, 2, w // 2, 2, c)


def average_pool(x: Array) -> Array:
    """Averages windows of 2x2: [B, H, W, C] -> [B, H/2, W/2, C]. Raises ValueError on odd sizes."""
    return _windows(x).mean((2, 4))


def max_pool(x: Array) -> Array:
    """Takes the maximum of windows of 2x2: [B, H, W, C] -> [B, H/2, W/2, C]. Raises ValueError on odd sizes."""
    return _windows(x).max((2, 4))
