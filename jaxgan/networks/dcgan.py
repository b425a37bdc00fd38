"""DCGAN's generator and discriminator (Radford et al. 2015, arXiv:1511.06434), all of strided convolutions.

Two implementations made it known, and their words for it are fields here. The authors' (Newmu/dcgan_code,
``faces/train_uncond_dcgan.py``, 128 channels) has kernels of 5 and normalises each unit of the projection by itself:
``kernel=5, project_norm="unit"``. pytorch/examples' ``dcgan/main.py`` (64 channels), soumith's port of it, has kernels
of 4 and normalises the projection's channels over positions: the defaults. Neither has biases before a batch norm, nor
in the layers without one. Both draw a batch norm's gains from N(1, 0.02); here they start at 1.

Images of 28 pixels have ``base=(7, 7), widths=(2, 1)`` and ``widths=(1, 2)``; 32 ``widths=(4, 2, 1)`` and
``widths=(1, 2, 4)``; 64 the defaults.
"""

import functools
from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgan import nn as layers
from jaxgan.networks.common import (
    batch_norm,
    check_choice,
    check_latents,
    concat_classes,
    first_map,
    pick,
    weight_fields,
)
from jaxgan.networks.conditioning import check_conditional_norm, check_conditioning
from jaxgan.networks.heads import logits_of
from jaxgan.nn.fractional_conv import up_conv
from jaxgan.parallel import shard_batch


def down_conv(features: int, kernel: int, **fields: Any) -> layers.Conv:
    """A convolution of stride two, padded by (kernel - 1) // 2 zeros: [B, H, W, C] -> [B, H/2, W/2, features]."""
    padding = (kernel - 1) // 2, (kernel - 1) // 2
    return layers.Conv(features, (kernel, kernel), strides=(2, 2), padding=(padding, padding), **fields)


class Generator(nn.Module):
    """Latents, and labels, to images.

    Attributes:
      ch: the channel multiplier (ngf).
      widths: multiples of ch: the projection's channels, then those of each block but the last, which gives the image.
      base: height and width of the projection; images are base * 2 ** len(widths).
      image_channels: of the output.
      kernel: side of the kernels, 4 or 5.
      use_bias: biases in all layers that no batch norm follows.
      batch_norm: after all layers but the last.
      project_norm: 'channel' or 'unit': of what the projection's norm takes statistics.
      conditioning: 'none'; 'concat', the one-hot joining z; or, with ``batch_norm``, 'cbn', which makes 'channel' of
        ``project_norm``.
      resample: how the convolutions are computed, see :func:`jaxgan.nn.fractional_conv.up_conv`.
      The others: see :mod:`jaxgan.networks.common`.
    """

    num_classes: int = 0
    z_dim: int = 100
    ch: int = 64
    widths: tuple[int, ...] = (8, 4, 2, 1)
    base: tuple[int, int] = (4, 4)
    image_channels: int = 3
    kernel: int = 4
    use_bias: bool = False
    batch_norm: bool = True
    project_norm: str = "channel"
    spectral_norm: bool = False
    sn_eps: float = 1e-6
    conditioning: str = "none"
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
          ValueError: where z has another size, a name is unknown, or 'cbn' lacks ``batch_norm``.
        """
        check_conditioning(self.conditioning, self.num_classes, accepted=("none", "concat", "cbn"))
        check_conditional_norm(self.conditioning, self.batch_norm)
        check_latents(self, z)
        check_choice("project_norm", self.project_norm, ("channel", "unit"))
        weights = weight_fields(self)
        hidden_bias = self.use_bias and not self.batch_norm
        up = functools.partial(up_conv, kernel=self.kernel, resample=self.resample, **weights)

        def finish(h: Array, name: str) -> Array:
            if self.batch_norm:
                h = batch_norm(self, h, labels, name=name, train=train)
            return shard_batch(nn.relu(h))

        z = concat_classes(self, z.astype(self.dtype), labels)
        project = functools.partial(first_map, z, self.base, self.widths[0] * self.ch, use_bias=hidden_bias, **weights)
        if self.project_norm == "unit" and self.conditioning != "cbn":
            h = project(of_units=lambda units: finish(units, "norm_project"))
        else:
            h = finish(project(), "norm_project")
        for index, multiple in enumerate(self.widths[1:]):
            conv = up(multiple * self.ch, use_bias=hidden_bias, name=f"conv_{index}")
            h = finish(conv(h), f"norm_{index}")
        to_image = up(self.image_channels, use_bias=self.use_bias, name="to_image")
        return jnp.tanh(to_image(h).astype(jnp.float32))


class Discriminator(nn.Module):
    """Images, and labels, to logits.

    Attributes:
      kernel, use_bias: as in :class:`Generator`.
      ch: the channel multiplier (ndf).
      widths: multiples of ch, a convolution of stride two each.
      leak: the leaky ReLUs' slope.
      batch_norm: after all convolutions but the first.
      layer_norm: instead of it, over positions and channels of each image, with a gain and a bias for each channel
        (WGAN-GP, arXiv:1704.00028, section 4, whose penalty is of each image alone; as in
        igul222/improved_wgan_training).
      dropout: the share of units dropped after each convolution in training (ACGAN, arXiv:1610.09585, appendix A: 0.5).
      conditioning: 'none'; 'concat', the one-hot joined to the image as planes; or 'projection'.
      minibatch, minibatch_kernels, minibatch_dim: as in :class:`jaxgan.networks.heads.LogitHead`, except that 'stddev'
        joins the last map.
      The others: see :mod:`jaxgan.networks.common`.
    """

    num_classes: int = 0
    ch: int = 64
    widths: tuple[int, ...] = (1, 2, 4, 8)
    kernel: int = 4
    leak: float = 0.2
    use_bias: bool = False
    batch_norm: bool = True
    layer_norm: bool = False
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
        """Scores images [B, H, W, C]: [B] float32 logits. The last map, flattened, is shown to
        :func:`jaxgan.nn.sow_features`.

        Raises:
          ValueError: where a name is unknown, or both norms are asked for.
        """
        check_conditioning(self.conditioning, self.num_classes, accepted=("none", "concat", "projection"))
        if self.batch_norm and self.layer_norm:
            raise ValueError("batch_norm and layer_norm are both set: layer_norm=True takes batch_norm=False")
        conv = functools.partial(down_conv, kernel=self.kernel, **weight_fields(self))

        h = concat_classes(self, shard_batch(images.astype(self.dtype)), labels)
        for index, multiple in enumerate(self.widths):
            normalized = index > 0 and (self.batch_norm or self.layer_norm)
            h = conv(multiple * self.ch, use_bias=self.use_bias and not normalized, name=f"conv_{index}")(h)
            if normalized and self.layer_norm:
                fields = pick(self, "dtype", "param_dtype", epsilon=1e-5, reduction_axes=(1, 2, 3), feature_axes=3)
                h = nn.LayerNorm(name=f"norm_{index}", **fields)(h)
            elif normalized:
                h = batch_norm(self, h, name=f"norm_{index}", train=train)
            h = nn.Dropout(self.dropout, deterministic=not train)(nn.leaky_relu(h, self.leak))
            h = shard_batch(h)
        return logits_of(self, h, labels, use_bias=self.use_bias)
