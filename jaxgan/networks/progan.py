"""ProGAN's networks, which grow: layers of larger sides fade in (Karras et al. 2018, arXiv:1710.10196, tables 2 and 6;
code tkarras/progressive_growing_of_gans).

A network has the parameters of every side from the start; ``side`` says which of them it draws or reads at, and alpha
how much of that side's own layers is taken while they fade in.
"""

import math
from collections.abc import Callable
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgan import nn as layers
from jaxgan.networks.common import check_latents
from jaxgan.networks.conditioning import join_classes
from jaxgan.networks.styles import SLOPE, to_unit_square
from jaxgan.nn.equalized import EqualizedConv, EqualizedDense
from jaxgan.nn.upfirdn import upfirdn
from jaxgan.parallel import shard_batch

GAIN = math.sqrt(2)


def activate(x: Array) -> Array:
    """Leaky ReLU of slope 0.2."""
    return jax.nn.leaky_relu(x, SLOPE)


def blend(old: Array, new: Array, alpha: Array | float) -> Array:
    """``old`` at alpha 0, ``new`` at 1."""
    return old + alpha * (new - old)


def faded_images(images: Array, alpha: Array | float) -> Array:
    """Real images [B, H, W, C] as a network that fades in sees them: with their own halves, enlarged, at alpha 0."""
    return blend(layers.upsample_nearest(layers.average_pool(images)), images, alpha)


def sides_of(resolution: int) -> list[int]:
    """4, 8, ... up to ``resolution``.

    Raises:
      ValueError: where it is no power of two from 4 on.
    """
    count = round(math.log2(resolution)) - 1
    if count < 1 or 2 ** (count + 1) != resolution:
        raise ValueError(f"resolution={resolution}: give a power of two, 4 or more")
    return [4 * 2**number for number in range(count)]


def width_at(side: int, *, channel_base: int, channel_max: int) -> int:
    """Channels of the map of a side."""
    return min(2 * channel_base // side, channel_max)


def grow(
    network: Any,
    block: Callable[[Array | None, int], Array],
    to_rgb: Callable[[Array, int], Array],
    alpha: Array | float,
) -> Array:
    """The image of a generator at its ``side``, blended while that fades in; at initialisation every side is made.

    Args:
      network: a generator with ``resolution``, ``side`` and ``fade``, whose ``__call__`` runs.
      block: features of the next smaller side, None for the first one, and a side -> features of that side.
      to_rgb: features and their side -> colours [B, side, side, C].
      alpha: [] in [0, 1], of the side that fades in.
    """
    last, whole = network.side or network.resolution, network.is_initializing()
    x, images = None, []
    for side in sides_of(network.resolution if whole else last):
        x = block(x, side)
        if whole or side == last or (network.fade and 2 * side == last):
            images.append(to_rgb(x, side))
    images = [image for image in images if image.shape[1] <= last]
    image = images[-1]
    if network.fade and len(images) > 1:
        image = blend(layers.upsample_nearest(images[-2]), image, alpha)
    return shard_batch(image)


class Generator(nn.Module):
    """Latents and classes to images.

    Attributes:
      num_classes: of the condition, joined to the latent; 0 for none.
      z_dim: numbers of a latent.
      resolution: of the largest side, a power of two.
      side: that is drawn at; None for the largest.
      fade: whether that side fades in; its images are then blended with the next smaller one's, enlarged, by alpha.
      image_channels: of the image.
      channel_base, channel_max: channels at a side are twice ``channel_base`` over the side, at most ``channel_max``.
      dtype, param_dtype: of the computation and of the parameters.
    """

    num_classes: int = 0
    z_dim: int = 512
    resolution: int = 1024
    side: int | None = None
    fade: bool = False
    image_channels: int = 3
    channel_base: int = 8_192
    channel_max: int = 512
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    # A scale of z changes nothing.
    normalizes_latents: ClassVar[bool] = True

    @nn.compact
    def __call__(self, z: Array, labels: Array, *, train: bool, alpha: Array | float = 1.0) -> Array:
        """Images [B, side, side, C] float32, about in [-1, 1]: there is no tanh.

        Args:
          z: [B, z_dim].
          labels: int [B], or float class weights [B, num_classes]; not used without classes.
          train: not used.
          alpha: [] in [0, 1], of the side that fades in.
        """
        del train
        check_latents(self, z)
        types: dict[str, Any] = dict(dtype=self.dtype, param_dtype=self.param_dtype)
        widths = dict(channel_base=self.channel_base, channel_max=self.channel_max)

        def conv(x: Array, features: int, name: str) -> Array:
            return to_unit_square(activate(EqualizedConv(features, gain=GAIN, name=name, **types)(x)))

        def to_rgb(x: Array, side: int) -> Array:
            return EqualizedConv(self.image_channels, 1, name=f"{side}_to_rgb", **types)(x).astype(jnp.float32)

        def block(x: Array | None, side: int) -> Array:
            width = width_at(side, **widths)
            if x is not None:
                x = conv(layers.upsample_nearest(shard_batch(x)), width, f"{side}_conv0")
                return conv(x, width, f"{side}_conv1")
            # The gain is a quarter of the others', as the Theano code.
            x = EqualizedDense(16 * width, gain=GAIN / 4, use_bias=False, name="4_dense", **types)(latents)
            bias = self.param("4_bias", nn.initializers.zeros, (width,), self.param_dtype)
            x = x.reshape(-1, 4, 4, width) + bias.astype(x.dtype)[None, None, None]
            return conv(to_unit_square(activate(x)), width, "4_conv")

        latents = to_unit_square(join_classes(z, labels, self.num_classes) if self.num_classes else z)
        return grow(self, block, to_rgb, alpha)


class Discriminator(nn.Module):
    """Images to logits.

    Attributes:
      num_classes: not used: classes are those of an auxiliary head.
      resolution, side, fade, channel_base, channel_max, dtype, param_dtype: as of :class:`Generator`.
      stddev_rows: rows over which the standard deviation is taken; None for the batch.
      blur: features are filtered by [1, 2, 1] before they are halved (StyleGAN's discriminator).
    """

    num_classes: int = 0
    resolution: int = 1024
    side: int | None = None
    fade: bool = False
    channel_base: int = 8_192
    channel_max: int = 512
    stddev_rows: int | None = 4
    blur: bool = False
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, images: Array, labels: Array, *, train: bool, alpha: Array | float = 1.0) -> Array:
        """Logits [B] float32 of images [B, side, side, C]; arguments as of :class:`Generator`."""
        del labels, train
        types: dict[str, Any] = dict(dtype=self.dtype, param_dtype=self.param_dtype)
        last, widths = self.side or self.resolution, dict(channel_base=self.channel_base, channel_max=self.channel_max)
        if images.shape[1:3] != (last, last):
            raise ValueError(f"images of {images.shape[1:3]}: the discriminator takes {(last, last)}")

        def conv(x: Array, features: int, name: str, *, side: int = 3) -> Array:
            return activate(EqualizedConv(features, side, gain=GAIN, name=name, **types)(x))

        def read(images: Array, side: int) -> Array:
            return conv(images, width_at(side, **widths), f"{side}_from_rgb", side=1)

        if self.is_initializing() and last < self.resolution:
            images = jnp.zeros((images.shape[0], self.resolution, self.resolution, images.shape[-1]))
            last = self.resolution
        x, small = read(images, last), images
        for side in reversed(sides_of(last)[1:]):
            x = conv(x, width_at(side, **widths), f"{side}_conv0")
            x = upfirdn(x, (1, 2, 1), pads=(1, 1)) if self.blur else x
            x = layers.average_pool(conv(x, width_at(side // 2, **widths), f"{side}_conv1"))
            small = layers.average_pool(small)
            if self.is_initializing() or (self.fade and side == last):
                old = read(small, side // 2)
                if self.fade and side == last:
                    x = blend(old, x, alpha)
            x = shard_batch(x)
        x = layers.minibatch_stddev(x, group_size=self.stddev_rows)
        x = conv(x, width_at(4, **widths), "4_conv")
        x = x.reshape(x.shape[0], -1)
        x = activate(EqualizedDense(min(self.channel_base, self.channel_max), gain=GAIN, name="4_dense", **types)(x))
        layers.sow_features(self, x)
        return EqualizedDense(1, name="4_out", **types)(x)[:, 0].astype(jnp.float32)
