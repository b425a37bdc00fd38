"""Equalised learning rate: weights that start at N(0, 1) and are scaled where they are used (ProGAN: Karras et al.
2018, arXiv:1710.10196, section 4.1).
"""

import math
from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgan.nn.filtered_conv import conv_down, convolve


def scale_of(shape: tuple[int, ...], *, gain: float = 1.0, lr_multiplier: float = 1.0) -> float:
    """gain / sqrt(fan_in) * lr_multiplier of a kernel [..., in, out]."""
    return gain * lr_multiplier / math.sqrt(math.prod(shape[:-1]))


class EqualizedDense(nn.Dense):
    """A dense layer with an equalised rate.

    Attributes:
      gain: over the square root of the fan-in.
      lr_multiplier: by which kernel and bias move as if their rate were multiplied (StyleGAN's mapping network: 0.01);
        the kernel starts at N(0, 1 / lr_multiplier^2).
      bias_start: what the bias starts at, before it is multiplied.
    """

    gain: float = 1.0
    lr_multiplier: float = 1.0
    bias_start: float = 0.0

    def param(self, name: str, init_fn: Any, *args: Any, **kwargs: Any) -> Any:
        """The parameter as the layer uses it."""
        if name == "kernel":
            start = nn.initializers.normal(1 / self.lr_multiplier)
            kernel: Array = super().param(name, start, *args, **kwargs)
            return kernel * scale_of(kernel.shape, gain=self.gain, lr_multiplier=self.lr_multiplier)
        return super().param(name, nn.initializers.constant(self.bias_start), *args, **kwargs) * self.lr_multiplier


class EqualizedConv(nn.Module):
    """A convolution with an equalised rate, of stride one, or one that filters and halves the resolution.

    Attributes:
      features: channels that come out.
      side: of the kernel, odd.
      down: whether it halves; see :func:`jaxgan.nn.filtered_conv.conv_down`.
      use_bias: whether a bias is added.
      gain: over the square root of the fan-in.
      dtype, param_dtype: of the computation and of the parameters.
    """

    features: int
    side: int = 3
    down: bool = False
    use_bias: bool = True
    gain: float = 1.0
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """[B, H, W, C] -> [B, H, W, features], or half as high and wide."""
        shape = (self.side, self.side, x.shape[-1], self.features)
        kernel = self.param("kernel", nn.initializers.normal(1.0), shape, self.param_dtype)
        weights = (kernel * scale_of(shape, gain=self.gain)).astype(self.dtype)
        x = x.astype(self.dtype)
        y = conv_down(x, weights) if self.down else convolve(x, weights, padding=self.side // 2)
        if not self.use_bias:
            return y
        bias = self.param("bias", nn.initializers.zeros, (self.features,), self.param_dtype)
        return y + bias.astype(self.dtype)[None, None, None]
