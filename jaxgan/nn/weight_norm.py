"""Weight normalisation: a weight as its length and its direction (Salimans & Kingma 2016, arXiv:1602.07868)."""

import math
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgan.nn.filtered_conv import convolve
from jaxgan.nn.stride_two import conv_spread_two, conv_stride_two

# Added to the variance, as openai/pixel-cnn does.
EPSILON = 1e-10


class WeightNormConv(nn.Module):
    """A convolution without padding whose kernel is g v / ||v|| for each output channel: v is the parameter
    ``kernel``, g is ``scale``.

    Initialised on data (section 3): what comes out of the first batch has mean 0 and standard deviation ``init_scale``
    in every channel, so that ``init`` must be given a batch of real data, not zeros.

    Attributes:
      features: channels that come out.
      kernel_size: (rows, columns).
      down: a stride of two; see :func:`jaxgan.nn.stride_two.conv_stride_two`.
      up: a fractional stride of two; see :func:`jaxgan.nn.stride_two.conv_spread_two`.
      init_scale: standard deviation of what comes out of the first batch.
      dtype, param_dtype: of the computation and of the parameters.
    """

    features: int
    kernel_size: Sequence[int] = (1, 1)
    down: bool = False
    up: bool = False
    init_scale: float = 1.0
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """[B, H, W, C] -> [B, H', W', features]."""
        shape = (*self.kernel_size, x.shape[-1], self.features)
        v = self.param("kernel", nn.initializers.normal(0.05), shape, self.param_dtype).astype(jnp.float32)
        direction = v / jnp.sqrt(jnp.maximum(jnp.square(v).sum(axis=(0, 1, 2), keepdims=True), 1e-12))

        first_scale, first_bias = jnp.ones(self.features), jnp.zeros(self.features)
        if self.is_initializing():
            y = self._convolve(x, direction).astype(jnp.float32)
            first_scale = self.init_scale / jnp.sqrt(y.var(axis=(0, 1, 2)) + EPSILON)
            first_bias = -y.mean(axis=(0, 1, 2)) * first_scale
        scale = self.param("scale", lambda key: first_scale.astype(self.param_dtype))
        bias = self.param("bias", lambda key: first_bias.astype(self.param_dtype))
        return self._convolve(x, direction * scale.reshape(1, 1, 1, -1)) + bias.astype(self.dtype).reshape(1, 1, 1, -1)

    def _convolve(self, x: Array, kernel: Array) -> Array:
        x, kernel = x.astype(self.dtype), kernel.astype(self.dtype)
        if math.prod(self.kernel_size) == 1:
            return x @ kernel[0, 0]
        if self.up:
            return conv_spread_two(x, kernel)
        if self.down:
            return conv_stride_two(x, kernel)
        return convolve(x, kernel)
