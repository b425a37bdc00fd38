"""Global pooling of a discriminator's last feature map: ReLU, then sum or mean over positions."""

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

POOLINGS = ("sum", "mean")


def pooled(features: Array, pooling: str = "sum") -> Array:
    """ReLU, then the sum or mean of features [B, H, W, C] over positions, in float32 since sums grow with the image.

    The sum is the projection discriminator's (Miyato & Koyama 2018, arXiv:1802.05637, appendix A).

    Returns:
      [B, C] float32.

    Raises:
      ValueError: on a pooling other than ``POOLINGS``.
    """
    if pooling not in POOLINGS:
        raise ValueError(f"pooling={pooling!r}; choose from {', '.join(POOLINGS)}")
    h = nn.relu(features).astype(jnp.float32)
    return h.sum((1, 2)) if pooling == "sum" else h.mean((1, 2))
