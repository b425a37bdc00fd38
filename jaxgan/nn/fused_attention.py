"""Dot-product attention by the platform's fused kernel where it has one."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxgan.parallel import platform


def dot_product_attention(
    query: Array, key: Array, value: Array, mask: Array | None = None, *, causal: bool = False
) -> Array:
    """softmax(query key^T / sqrt(D)) value of each head, the softmax in float32.

    On GPUs, of 16-bit numbers, it is cuDNN's flash attention; elsewhere XLA's.

    Args:
      query: [B, Q, N, D].
      key, value: [B, K, N, D].
      mask: bool [Q, K] or [B, 1, Q, K], where it is allowed to look; None for everywhere.
      causal: query q looks at keys 0 to q alone.

    Returns:
      [B, Q, N, D].
    """
    half = query.dtype in (jnp.bfloat16, jnp.float16)
    # What cuDNN's kernel takes.
    fits = half and query.shape[1] > 1 and query.shape[-1] % 8 == 0 and query.shape[-1] <= 128
    fused: Any = "cudnn" if platform() == "gpu" and fits else None
    allowed = None if mask is None else mask.reshape((1,) * (4 - mask.ndim) + mask.shape)
    return jax.nn.dot_product_attention(query, key, value, mask=allowed, is_causal=causal, implementation=fused)
