"""Luma as MATLAB's ``rgb2ycbcr`` has it (ITU-R BT.601, 16 to 235), which super-resolution's scores are of."""

import jax.numpy as jnp
from jax import Array

# Of RGB in [0, 255], times 256 / 255: MATLAB's weights sum to 219 / 255.
WEIGHTS = (65.481, 128.553, 24.966)


def matlab_luma(images: Array) -> Array:
    """RGB images [B, H, W, 3] float in [0, 255] -> luma [B, H, W, 1] float32 in [16, 235], not rounded.

    Grey images [B, H, W, 1] are taken for RGB of three equal channels.
    """
    images = jnp.broadcast_to(images, (*images.shape[:-1], 3)).astype(jnp.float32)
    return 16.0 + (images / 255.0 * jnp.array(WEIGHTS).reshape(1, 1, 1, 3)).sum(-1, keepdims=True)
