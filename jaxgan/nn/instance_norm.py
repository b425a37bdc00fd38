"""Instance normalisation without gain and bias (Ulyanov et al. 2016, arXiv:1607.08022)."""

import jax.numpy as jnp
from jax import Array


def instance_norm(x: Array, *, eps: float = 1e-5) -> Array:
    """Brings each channel of each image to mean 0 and variance 1 over its positions.

    It has no state, so that training and evaluation are the same. Statistics are float32 whatever the dtype, the
    variance is the biased one, and a channel that is constant becomes 0.

    Args:
      x: [B, H, W, C] float.
      eps: added to the variance; torch's.

    Returns:
      The same shape and dtype.
    """
    wide = x.astype(jnp.float32)
    mean = wide.mean((1, 2), keepdims=True)
    centred = wide - mean
    variance = jnp.square(centred).mean((1, 2), keepdims=True)
    return (centred / jnp.sqrt(variance + eps)).astype(x.dtype)
