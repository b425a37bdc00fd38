"""Bilinear resizing whose corners stay where they are."""

import jax.numpy as jnp
import numpy as np
from jax import Array


def _weights(size: int, out: int) -> np.ndarray:
    """[out, size]: shares of two neighbours at ``out`` places from the first pixel to the last."""
    places = np.linspace(0, size - 1, out) if out > 1 else np.zeros(1)
    low = np.minimum(places.astype(int), max(size - 2, 0))
    weights = np.zeros((out, size), np.float32)
    weights[np.arange(out), low] = 1 - (places - low)
    weights[np.arange(out), np.minimum(low + 1, size - 1)] += places - low
    return weights


def resize_bilinear(x: Array, size: tuple[int, int]) -> Array:
    """Images [B, H, W, C] at another ``size`` (height, width), bilinear without a filter, the corner pixels on the
    corners: PyTorch's ``interpolate(mode='bilinear', align_corners=True)``.
    """
    if x.shape[1:3] == tuple(size):
        return x
    down, across = (jnp.asarray(_weights(old, new), x.dtype) for old, new in zip(x.shape[1:3], size))
    return jnp.einsum("hH,wW,bHWc->bhwc", down, across, x, precision="highest")
