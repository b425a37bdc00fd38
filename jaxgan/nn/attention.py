"""Self-attention over positions, as SAGAN released it (Zhang et al. 2018, arXiv:1805.08318)."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgan.nn.resample import max_pool
from jaxgan.nn.spectral_norm import Conv


class SelfAttention(nn.Module):
    """x + gamma * o(attention(theta(x), phi(x), g(x))), with 1x1 convolutions without bias.

    The released code, which made the published numbers and which BigGAN copied, differs from the paper's section 3:
    theta and phi have C/8 channels, g has C/2 (the paper: C/8 for all), phi and g are max-pooled by two, so that keys
    are a quarter of the positions, and o brings C/2 back to C. gamma starts at 0, so that the block starts as the
    identity.

    Attributes:
      spectral_norm, spectral_eps: as in :class:`jaxgan.nn.spectral_norm.Conv`.
      kernel_init: of the four convolutions.
      dtype, param_dtype: of the computation and of the parameters; the softmax is float32.
    """

    spectral_norm: bool = True
    spectral_eps: float = 1e-6
    kernel_init: Any = nn.initializers.orthogonal()
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
                spectral_eps=self.spectral_eps,
                kernel_init=self.kernel_init,
                dtype=self.dtype,
                param_dtype=self.param_dtype,
                name=name,
            )

        pool = max_pool if min(h, w) > 1 else lambda y: y
        theta = conv(c // 8, "theta")(x).reshape(b, h * w, c // 8)
        phi = pool(conv(c // 8, "phi")(x)).reshape(b, -1, c // 8)
        g = pool(conv(c // 2, "g")(x)).reshape(b, -1, c // 2)
        scores = jnp.einsum("bqc,bkc->bqk", theta, phi, preferred_element_type=jnp.float32)
        weights = jax.nn.softmax(scores, axis=-1).astype(g.dtype)
        attended = jnp.einsum("bqk,bkc->bqc", weights, g).reshape(b, h, w, c // 2)
        gamma = self.param("gamma", nn.initializers.zeros, (), self.param_dtype)
        return x + gamma.astype(x.dtype) * conv(c, "o")(attended)
