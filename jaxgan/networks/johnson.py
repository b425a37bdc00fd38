"""Residual network that translates images (Johnson et al. 2016, arXiv:1603.08155), as CycleGAN (Zhu et al. 2017,
arXiv:1703.10593, appendix 7.2) and pix2pixHD's global generator (Wang et al. 2017, arXiv:1711.11585) have it.

A 7x7 convolution, halvings, residual blocks and doublings, with reflection padding and instance norm throughout. Its
inner width is ``ch * 2 ** halvings``.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgan import nn as layers
from jaxgan.networks.common import translation_norm, weight_fields
from jaxgan.nn.fractional_conv import up_conv
from jaxgan.parallel import shard_batch


class ResidualBlock(nn.Module):
    """3x3, norm, ReLU, 3x3, norm, and the input added, without a ReLU after the sum.

    Attributes:
      conv: ``conv(features, kernel_size, name=...)`` makes a convolution without padding.
      norm: (map, name=, train=) -> the map, normalised.
      dropout: the share of units dropped between the two, in training.
    """

    conv: Callable[..., Any]
    norm: Callable[..., Array]
    dropout: float = 0.0

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> Array:
        """[B, H, W, C] -> the same shape."""
        h = self.conv(x.shape[-1], (3, 3), name="conv_0")(layers.reflect_pad(x, 1))
        h = nn.relu(self.norm(h, name="norm_0", train=train))
        h = nn.Dropout(self.dropout, deterministic=not train)(h)
        h = self.conv(x.shape[-1], (3, 3), name="conv_1")(layers.reflect_pad(h, 1))
        return shard_batch(x + self.norm(h, name="norm_1", train=train))


class Generator(nn.Module):
    """The image that belongs to an image.

    Attributes:
      ch: channels of the first layer (ngf).
      halvings: 2 (CycleGAN), or 4 (pix2pixHD's global generator); sides must be multiples of ``2 ** halvings``.
      blocks: residual blocks: 6 for 128 pixels, 9 from 256 on.
      image_channels: of the output.
      norm: 'instance', 'batch' or 'none'.
      dropout: in the residual blocks, in training.
      to_image: draw the image; False for the features [B, H, W, ch] that the last layer would see, as pix2pixHD's
        enhancer takes them.
      resample: of the transposed convolutions, see :func:`jaxgan.nn.fractional_conv.up_conv`.
      The others: see :mod:`jaxgan.networks.common`.
    """

    ch: int = 64
    halvings: int = 2
    blocks: int = 9
    image_channels: int = 3
    norm: str = "instance"
    dropout: float = 0.0
    to_image: bool = True
    spectral_norm: bool = False
    sn_eps: float = 1e-6
    weight_init: str = "normal_02"
    bn_eps: float = 1e-5
    bn_groups: int | None = None
    resample: str = "auto"
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    @property
    def multiple(self) -> int:
        """The number that sides must be multiples of."""
        return 2**self.halvings

    @nn.compact
    def __call__(self, z: Array, images: Array, *, train: bool) -> Array:
        """Translates images.

        Args:
          z: not used: [B, 0].
          images: [B, H, W, C] float.
          train: drop units, and record batch norms' statistics.

        Returns:
          [B, H, W, image_channels] float32 in [-1, 1].

        Raises:
          ValueError: where a side is no multiple of ``2 ** halvings``, or too small to be mirrored.
        """
        if images.shape[1] % self.multiple or images.shape[2] % self.multiple:
            raise ValueError(
                f"{self.halvings} halvings take sides in multiples of {self.multiple}, got "
                f"{images.shape[1]}x{images.shape[2]}: resize the images"
            )
        biases: dict[str, Any] = dict(use_bias=self.norm != "batch")
        fields = weight_fields(self)
        conv = functools.partial(layers.Conv, padding="VALID", **biases, **fields)
        norm = functools.partial(translation_norm, self)

        def finish(h: Array, name: str) -> Array:
            return shard_batch(nn.relu(norm(h, name=name, train=train)))

        h = layers.reflect_pad(shard_batch(images.astype(self.dtype)), 3)
        h = finish(conv(self.ch, (7, 7), name="first")(h), "norm_first")
        for level in range(self.halvings):
            width = self.ch * 2 ** (level + 1)
            h = conv(width, (3, 3), strides=(2, 2), padding=((1, 1), (1, 1)), name=f"down_{level}")(h)
            h = finish(h, f"norm_down_{level}")
        for block in range(self.blocks):
            h = ResidualBlock(conv, norm, self.dropout, name=f"block_{block}")(h, train=train)
        for level in reversed(range(self.halvings)):
            up = up_conv(self.ch * 2**level, 3, resample=self.resample, name=f"up_{level}", **biases, **fields)
            h = finish(up(h), f"norm_up_{level}")
        if not self.to_image:
            return h
        image = conv(self.image_channels, (7, 7), use_bias=True, name="to_image")(layers.reflect_pad(h, 3))
        return jnp.tanh(image.astype(jnp.float32))
