"""MobileStyleGAN's student: a synthesis network of StyleGAN2's styles that draws bands of a Haar transform by depthwise
modulated convolutions, demodulated by constants (Belousov 2021, arXiv:2104.04743; code bes-dev/MobileStyleGAN.pytorch).
"""

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgan.networks.styles import SLOPE
from jaxgan.nn.depthwise_conv import depthwise_conv
from jaxgan.nn.filtered_conv import convolve
from jaxgan.nn.haar import inverse_haar
from jaxgan.parallel import shard_batch

NORMAL = nn.initializers.normal(1.0)
# PyTorch's of linear layers: U(-1 / sqrt(inputs), 1 / sqrt(inputs)).
UNIFORM = nn.initializers.variance_scaling(1 / 3, "fan_in", "uniform")


def modulation(w: Array, channels: int, *, param_dtype: Any) -> Array:
    """A factor for each channel of what w [B, w_dim] styles, [B, 1, 1, channels]; call it within a compact method."""
    made = nn.Dense(
        channels, kernel_init=UNIFORM, bias_init=nn.initializers.ones, param_dtype=param_dtype, name="modulation"
    )
    return made(w)[:, None, None]


class MobileLayer(nn.Module):
    """A modulated convolution, noise, bias and leaky ReLU. Its outputs are divided by the length of the weights under
    styles that were drawn once, N(0, 1), and are kept in the collection 'demodulation'.

    Attributes:
      features: channels that come out.
      depthwise: a filter of 3x3 for each channel, and a product over channels; False for one kernel of 3x3.
      dtype, param_dtype: of the computation and of the parameters.
    """

    features: int
    depthwise: bool = True
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Array, w: Array, noise: Array | None) -> Array:
        """Features [B, H, W, C], w [B, w_dim] and noise [B or 1, H, W, 1] -> [B, H, W, features]."""
        channels = x.shape[-1]
        scale = 1 / math.sqrt(9 * channels)
        drawn = self.variable("demodulation", "styles", lambda: jax.random.normal(self.make_rng("params"), (channels,)))
        factors = jnp.square(scale * drawn.value)
        y = x * (scale * modulation(w, channels, param_dtype=self.param_dtype)).astype(x.dtype)
        if self.depthwise:
            filters = self.param("depthwise", NORMAL, (3, 3, channels), self.param_dtype)
            product = self.param("pointwise", NORMAL, (channels, self.features), self.param_dtype)
            squared = (factors * jnp.square(filters).sum((0, 1))) @ jnp.square(product)
            y = depthwise_conv(y, filters) @ product.astype(y.dtype)
        else:
            kernel = self.param("kernel", NORMAL, (3, 3, channels, self.features), self.param_dtype)
            squared = factors @ jnp.square(kernel).sum((0, 1))
            y = convolve(y, kernel.astype(y.dtype), padding=1)
        y = y * jax.lax.rsqrt(squared + 1e-8).astype(y.dtype)[None, None, None]
        strength = self.param("noise_strength", nn.initializers.zeros, (), self.param_dtype)
        y = y if noise is None else y + (strength * noise).astype(y.dtype)
        bias = self.param("bias", nn.initializers.zeros, (self.features,), self.param_dtype)
        return jax.nn.leaky_relu(shard_batch(y + bias.astype(y.dtype)[None, None, None]), SLOPE)


class ToBands(nn.Module):
    """Features to the four bands of an image: a modulated 1x1 convolution without demodulation.

    Attributes:
      channels: of the image.
      param_dtype: of the parameters.
    """

    channels: int
    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Array, w: Array) -> Array:
        """[B, H, W, C] -> [B, H, W, 4 channels] float32."""
        inputs = x.shape[-1]
        factors = modulation(w, inputs, param_dtype=self.param_dtype) / math.sqrt(inputs)
        product = self.param("kernel", NORMAL, (inputs, 4 * self.channels), self.param_dtype)
        bias = self.param("bias", nn.initializers.zeros, (4 * self.channels,), self.param_dtype)
        y = (x * factors.astype(x.dtype)) @ product.astype(x.dtype)
        return y.astype(jnp.float32) + bias[None, None, None]


class Upsample(nn.Module):
    """Features as bands of a Haar transform, modulated, to a quarter of the channels at twice the resolution.

    Attributes:
      param_dtype: of the parameters.
    """

    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Array, w: Array) -> Array:
        """[B, H, W, C] -> [B, 2 H, 2 W, C / 4]."""
        return inverse_haar(x * modulation(w, x.shape[-1], param_dtype=self.param_dtype).astype(x.dtype))


class Synthesis(nn.Module):
    """Styles to images, whose size is twice that of the last bands.

    Attributes:
      widths: channels at each side from 4 pixels on; each but the last is a multiple of 4.
      base: height and width of the constant that it starts from.
      image_channels: of the image.
      dtype, param_dtype: of the computation and of the parameters.
    """

    widths: tuple[int, ...] = (512, 512, 512, 512, 512, 256, 128, 64)
    base: tuple[int, int] = (4, 4)
    image_channels: int = 3
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    @property
    def num_ws(self) -> int:
        """Styles of an image: two of the first side, three of each later one."""
        return 3 * len(self.widths) - 1

    @nn.compact
    def __call__(
        self, ws: Array, noise: Sequence[Array] | None = None, *, train: bool
    ) -> tuple[Array, tuple[Array, ...]]:
        """Images [B, H, W, C] float32 and the bands of every side [B, h, w, 4 C].

        Args:
          ws: [B, num_ws, w_dim].
          noise: [B or 1, h, w, 1] for each layer, one at the first side and two at each later one; None for none.
          train: not used.

        Raises:
          ValueError: where widths are no multiples of 4.
        """
        del train
        if any(width % 4 for width in self.widths[:-1]):
            raise ValueError(f"widths={self.widths}: each but the last is four bands of a Haar transform")
        types: dict[str, Any] = dict(param_dtype=self.param_dtype)

        def layer(x: Array, number: int, w: Array, width: int, name: str, **fields: Any) -> Array:
            made = MobileLayer(width, dtype=self.dtype, name=name, **fields, **types)
            return made(x, w, None if noise is None else noise[number])

        const = self.param("const", NORMAL, (*self.base, self.widths[0]), self.param_dtype)
        x = jnp.broadcast_to(const.astype(self.dtype)[None], (ws.shape[0], *const.shape))
        x = layer(x, 0, ws[:, 0], self.widths[0], "b4_conv1", depthwise=False)
        bands = [ToBands(self.image_channels, name="b4_tobands", **types)(x, ws[:, 1])]
        for number, width in enumerate(self.widths[1:], 1):
            # The first one is that of the first side's bands too, and the last style of all is not used (code).
            name, first = f"b{4 * 2**number}", 3 * number - 2
            x = Upsample(name=f"{name}_up", **types)(x, ws[:, first])
            x = layer(x, 2 * number - 1, ws[:, first], width, f"{name}_conv0")
            x = layer(x, 2 * number, ws[:, first + 1], width, f"{name}_conv1")
            bands.append(ToBands(self.image_channels, name=f"{name}_tobands", **types)(x, ws[:, first + 2]))
        return shard_batch(inverse_haar(bands[-1])), tuple(bands)
