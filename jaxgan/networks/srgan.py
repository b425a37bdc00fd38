"""SRResNet, which enlarges images, and SRGAN's discriminator (Ledig et al. 2016, arXiv:1609.04802, figure 4).

There is no official code. The paper says neither what the last layer's activation is nor whether convolutions before
batch norms have biases; here it has none, and they have (``use_bias``).
"""

import functools
from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgan import nn as layers
from jaxgan.networks.common import batch_norm_fields, weight_fields
from jaxgan.parallel import shard_batch

LEAK = 0.2
# The slope that PReLUs start from (He et al. 2015, arXiv:1502.01852, section 2.1).
SLOPE = 0.25


class SRResNet(nn.Module):
    """A small image to one ``factor`` times its side.

    Attributes:
      ch: channels of all hidden layers.
      blocks: residual blocks.
      factor: 2 or 4, or another power of two: a pixel shuffle by two for each.
      image_channels: of the output.
      use_bias: biases before batch norms.
      The others: see :mod:`jaxgan.networks.common`.
    """

    ch: int = 64
    blocks: int = 16
    factor: int = 4
    image_channels: int = 3
    use_bias: bool = True
    spectral_norm: bool = False
    sn_eps: float = 1e-6
    weight_init: str = "orthogonal"
    bn_eps: float = 1e-5
    bn_groups: int | None = None
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, z: Array, images: Array, *, train: bool) -> Array:
        """Enlarges images.

        Args:
          z: not used: [B, 0].
          images: [B, h, w, C] float in [-1, 1]; the paper's are in [0, 1].
          train: normalise with the batch's statistics.

        Returns:
          [B, h * factor, w * factor, image_channels] float32, meant for [-1, 1] and not held to it.

        Raises:
          ValueError: where the factor is no power of two.
        """
        doublings = self.factor.bit_length() - 1
        if self.factor < 2 or self.factor != 2**doublings:
            raise ValueError(f"factor={self.factor}: SRResNet enlarges by 2, 4 or another power of two")
        conv = functools.partial(layers.Conv, **weight_fields(self))
        norm = functools.partial(layers.BatchNorm, **batch_norm_fields(self))

        def prelu(h: Array, name: str) -> Array:
            return shard_batch(nn.PReLU(self.param_dtype, SLOPE, name=name)(h))

        h = prelu(conv(self.ch, (9, 9), name="first")(shard_batch(images.astype(self.dtype))), "prelu_first")
        start = h
        for block in range(self.blocks):
            inner = conv(self.ch, (3, 3), use_bias=self.use_bias, name=f"block_{block}_conv_0")(h)
            inner = prelu(norm(name=f"block_{block}_norm_0")(inner, train=train), f"block_{block}_prelu")
            inner = conv(self.ch, (3, 3), use_bias=self.use_bias, name=f"block_{block}_conv_1")(inner)
            h = h + norm(name=f"block_{block}_norm_1")(inner, train=train)
        h = conv(self.ch, (3, 3), use_bias=self.use_bias, name="last")(h)
        h = start + norm(name="norm_last")(h, train=train)
        for level in range(doublings):
            h = layers.pixel_shuffle(conv(4 * self.ch, (3, 3), name=f"up_{level}")(h), 2)
            h = prelu(h, f"prelu_up_{level}")
        return conv(self.image_channels, (9, 9), name="to_image")(h).astype(jnp.float32)


class Critic(nn.Module):
    """Images to logits; its dense layers tie it to one size, the crops' that it is trained on.

    Attributes:
      ch: channels of the first layer; they double after each second one, up to 8 times as many.
      hidden: units of the dense layer.
      use_bias: biases before batch norms.
      The others: see :mod:`jaxgan.networks.common`.
    """

    ch: int = 64
    hidden: int = 1024
    use_bias: bool = True
    spectral_norm: bool = False
    sn_eps: float = 1e-6
    weight_init: str = "orthogonal"
    bn_eps: float = 1e-5
    bn_groups: int | None = None
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, images: Array, condition: Any, *, train: bool) -> Array:
        """Scores images [B, H, W, C] float in [-1, 1], sides of 16 or more: [B] float32 logits. ``condition`` is not
        used. The dense layer is shown to :func:`jaxgan.nn.sow_features`.
        """
        conv = functools.partial(layers.Conv, **weight_fields(self))
        dense = functools.partial(layers.Dense, **weight_fields(self))
        h = shard_batch(images.astype(self.dtype))
        for index in range(8):
            stride = 1 + index % 2
            make = functools.partial(conv, self.ch * 2 ** (index // 2), (3, 3), strides=(stride, stride))
            h = make(padding=((1, 1), (1, 1)), use_bias=self.use_bias or index == 0, name=f"conv_{index}")(h)
            if index:
                h = layers.BatchNorm(name=f"norm_{index}", **batch_norm_fields(self))(h, train=train)
            h = shard_batch(nn.leaky_relu(h, LEAK))
        h = nn.leaky_relu(dense(self.hidden, name="dense")(h.reshape(h.shape[0], -1)), LEAK)
        layers.sow_features(self, h)
        return dense(1, name="to_logits")(h)[:, 0].astype(jnp.float32)
