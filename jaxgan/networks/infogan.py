"""InfoGAN's generator and discriminator for MNIST (Chen et al. 2016, arXiv:1606.03657, appendix C.1, table 1).

As in openai/InfoGAN (``models/regularized_gan.py``): z is 62 numbers of noise, a categorical code of 10 and two
continuous ones; Q is :class:`jaxgan.networks.heads.CodeHead` on D's representation. Where the paper's leaky ReLU has
slope 0.1, the code's has 0.01, which is the default. The code draws a batch norm's gains from N(1, 0.02), which here
start at 1, D's convolutions from a truncated normal, and G's output is a sigmoid, for images in [0, 1]; here a tanh.

Images of 32 pixels and three channels have ``base=(8, 8), image_channels=3``.
"""

import functools
from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgan import nn as layers
from jaxgan.networks.common import batch_norm, check_latents, concat_classes, first_map, weight_fields
from jaxgan.networks.conditioning import check_conditioning
from jaxgan.networks.dcgan import down_conv
from jaxgan.networks.heads import logits_of
from jaxgan.nn.fractional_conv import up_conv
from jaxgan.parallel import shard_batch


class Generator(nn.Module):
    """Latents, and labels where asked for, to images.

    Attributes:
      z_dim: latent size, codes included.
      hidden: units of the first layer.
      widths: channels of the projection and of the map before the image.
      base: height and width of the projection; images are four times as large.
      image_channels: of the output.
      conditioning: 'none', as in the paper, or 'concat', the one-hot joining z.
      resample: how the convolutions are computed, see :func:`jaxgan.nn.fractional_conv.up_conv`.
      The others: see :mod:`jaxgan.networks.common`.
    """

    num_classes: int = 0
    z_dim: int = 74
    hidden: int = 1024
    widths: tuple[int, int] = (128, 64)
    base: tuple[int, int] = (7, 7)
    image_channels: int = 1
    conditioning: str = "none"
    spectral_norm: bool = False
    sn_eps: float = 1e-6
    weight_init: str = "normal_02"
    bn_eps: float = 1e-5
    bn_groups: int | None = None
    resample: str = "auto"
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, z: Array, labels: Array, *, train: bool) -> Array:
        """Draws images [B, H, W, image_channels] float32 in [-1, 1]; arguments as in :mod:`jaxgan.networks.common`.

        Raises:
          ValueError: where z has another size, or the conditioning is unknown or lacks classes.
        """
        check_conditioning(self.conditioning, self.num_classes, accepted=("none", "concat"))
        check_latents(self, z)
        weights = weight_fields(self)

        def finish(h: Array, name: str) -> Array:
            return shard_batch(nn.relu(batch_norm(self, h, name=name, train=train)))

        h = concat_classes(self, z.astype(self.dtype), labels)
        first, second = self.widths
        h = finish(layers.Dense(self.hidden, name="hidden", **weights)(h), "norm_hidden")
        # Each unit of the projection is normalised by itself, as in the code.
        h = first_map(h, self.base, first, of_units=lambda units: finish(units, "norm_project"), **weights)
        up = functools.partial(up_conv, kernel=4, resample=self.resample, **weights)
        h = finish(up(second, name="conv_0")(h), "norm_0")
        return jnp.tanh(up(self.image_channels, name="to_image")(h).astype(jnp.float32))


class Discriminator(nn.Module):
    """Images, and labels where asked for, to logits; Q reads the layer before the last.

    Attributes:
      hidden: units of the last layer but one.
      widths: channels of the two convolutions.
      leak: the leaky ReLUs' slope.
      batch_norm: after all layers but the first and the last.
      dropout: the share of units dropped after each layer in training; 0 in the paper.
      conditioning: 'none', as in the paper; 'concat', the one-hot joined to the image as planes; or 'projection'.
      minibatch, minibatch_kernels, minibatch_dim: as in :class:`jaxgan.networks.heads.LogitHead`.
      The others: see :mod:`jaxgan.networks.common`.
    """

    num_classes: int = 0
    hidden: int = 1024
    widths: tuple[int, int] = (64, 128)
    leak: float = 0.01
    batch_norm: bool = True
    spectral_norm: bool = False
    sn_eps: float = 1e-6
    dropout: float = 0.0
    conditioning: str = "none"
    minibatch: str = "none"
    minibatch_kernels: int = 100
    minibatch_dim: int = 5
    weight_init: str = "normal_02"
    bn_eps: float = 1e-5
    bn_groups: int | None = None
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, images: Array, labels: Array, *, train: bool) -> Array:
        """Scores images [B, H, W, C]: [B] float32 logits. The hidden layer [B, hidden] is shown to
        :func:`jaxgan.nn.sow_features`.

        Raises:
          ValueError: where the conditioning is unknown or lacks classes.
        """
        check_conditioning(self.conditioning, self.num_classes, accepted=("none", "concat", "projection"))
        weights = weight_fields(self)

        def finish(h: Array, name: str) -> Array:
            if self.batch_norm and name != "0":
                h = batch_norm(self, h, name=f"norm_{name}", train=train)
            return shard_batch(nn.Dropout(self.dropout, deterministic=not train)(nn.leaky_relu(h, self.leak)))

        h = concat_classes(self, shard_batch(images.astype(self.dtype)), labels)
        for index, features in enumerate(self.widths):
            h = finish(down_conv(features, 4, name=f"conv_{index}", **weights)(h), str(index))
        h = finish(layers.Dense(self.hidden, name="hidden", **weights)(h.reshape(h.shape[0], -1)), "hidden")
        return logits_of(self, h, labels)
