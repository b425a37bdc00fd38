"""Self-attention over positions, as SAGAN released it (Zhang et al. 2018, arXiv:1805.08318)."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgan.nn.resample import max_pool
from jaxgan.nn.spectral_norm import Conv
from jaxgan.parallel import platform, rows_per_device

# A slice of the scores that a TPU core holds in its vector memory; and the least queries of a slice, below which a
# v5e's matrix unit idles. See docs/pods.md.
_SLICE_BYTES = 2**25
_LEAST_QUERIES = 256


def attend(theta: Array, phi: Array, g: Array) -> Array:
    """softmax(theta phi^T) g, the softmax in float32.

    Args:
      theta: queries [B, Q, C].
      phi: keys [B, K, C].
      g: values [B, K, D].

    Returns:
      [B, Q, D].
    """
    scores = jnp.einsum("bqc,bkc->bqk", theta, phi, preferred_element_type=jnp.float32)
    weights = jax.nn.softmax(scores, axis=-1).astype(g.dtype)
    return jnp.einsum("bqk,bkc->bqc", weights, g)


def chunked_attention(theta: Array, phi: Array, g: Array, slices: int) -> Array:
    """:func:`attend` for a slice of the queries at a time, whose scores the backward pass computes again: no score ever
    need leave a TPU core's own memory.

    A slice takes every ``slices``-th query, so that queries which are split over a mesh stay where they are.

    Raises:
      ValueError: where ``slices`` does not divide the queries.
    """
    b, queries, _ = theta.shape
    if queries % slices:
        raise ValueError(f"{slices} slices do not divide {queries} queries")
    if slices == 1:
        return attend(theta, phi, g)
    split = jnp.moveaxis(theta.reshape(b, queries // slices, slices, -1), 2, 0)
    attended = jax.lax.map(jax.checkpoint(lambda part: attend(part, phi, g)), split)
    return jnp.moveaxis(attended, 0, 2).reshape(b, queries, -1)


def attention_slices(batch: int, queries: int, keys: int) -> int:
    """How many slices serve the platform that the program is for: on TPU as many as keep the scores of ``batch`` images
    a device in its vector memory; elsewhere one.
    """
    if platform() != "tpu":
        return 1
    slices = 1
    while 4 * batch * (queries // slices) * keys > _SLICE_BYTES and queries // (2 * slices) >= _LEAST_QUERIES:
        slices *= 2
    return slices if queries % slices == 0 else 1


class SelfAttention(nn.Module):
    """x + gamma * o(attention(theta(x), phi(x), g(x))), with 1x1 convolutions without bias.

    The released code, which made the published numbers and which BigGAN copied, differs from the paper's section 3:
    theta and phi have C/8 channels, g has C/2 (the paper: C/8 for all), phi and g are max-pooled by two, so that keys
    are a quarter of the positions, and o brings C/2 back to C. gamma starts at 0, so that the block starts as the
    identity.

    Attributes:
      spectral_norm, sn_eps: as in :class:`jaxgan.nn.spectral_norm.Conv`.
      kernel_init: of the four convolutions.
      slices: see :func:`chunked_attention`; None chooses by :func:`attention_slices`.
      dtype, param_dtype: of the computation and of the parameters; the softmax is float32.
    """

    spectral_norm: bool = True
    sn_eps: float = 1e-6
    kernel_init: Any = nn.initializers.orthogonal()
    slices: int | None = None
    dtype: Any = None
    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """[B, H, W, C] -> [B, H, W, C]; H and W even (or 1x1, where there is nothing to pool), C at least 8."""
        b, h, w, c = x.shape
        if c < 8:
            raise ValueError(f"SelfAttention projects to C/8 channels: C must be at least 8, got {c}")

        def conv(features: int, name: str) -> nn.Module:
            return Conv(
                features,
                (1, 1),
                use_bias=False,
                spectral_norm=self.spectral_norm,
                sn_eps=self.sn_eps,
                kernel_init=self.kernel_init,
                dtype=self.dtype,
                param_dtype=self.param_dtype,
                name=name,
            )

        pool = max_pool if min(h, w) > 1 else lambda y: y
        theta = conv(c // 8, "theta")(x).reshape(b, h * w, c // 8)
        phi = pool(conv(c // 8, "phi")(x)).reshape(b, -1, c // 8)
        g = pool(conv(c // 2, "g")(x)).reshape(b, -1, c // 2)
        slices = self.slices or attention_slices(rows_per_device(b), h * w, phi.shape[1])
        attended = chunked_attention(theta, phi, g, slices).reshape(b, h, w, c // 2)
        gamma = self.param("gamma", nn.initializers.zeros, (), self.param_dtype)
        return x + gamma.astype(x.dtype) * conv(c, "o")(attended)
