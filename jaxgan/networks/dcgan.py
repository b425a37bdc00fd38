"""DCGAN's generator and discriminator (Radford et al. 2015, arXiv:1511.06434), all of strided convolutions.

Two implementations made it known, and their words for it are fields here. The authors' (Newmu/dcgan_code,
``faces/train_uncond_dcgan.py``, 128 channels) has kernels of 5 and normalises each of the seed's units by itself:
``kernel=5, project_norm="unit"``. pytorch/examples' ``dcgan/main.py`` (64 channels), soumith's port of it, has kernels
of 4 and normalises the seed's channels over positions: the defaults. Neither has biases beside a batch norm, nor in the
layers without one. Both draw a batch norm's gains from N(1, 0.02); here they start at 1.

Images of 28 pixels have ``base=(7, 7), widths=(2, 1)`` and ``widths=(1, 2)``; 32 ``widths=(4, 2, 1)`` and
``widths=(1, 2, 4)``; 64 the defaults.
"""

import functools
from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgan import nn as layers
from jaxgan.networks.conditioning import check_conditioning, join_classes
from jaxgan.networks.heads import LogitHead
from jaxgan.nn.fractional_conv import up_conv
from jaxgan.parallel import shard_batch


def down_conv(features: int, kernel: int, **fields: Any) -> layers.Conv:
    """A convolution of stride two, padded by (kernel - 1) // 2 zeros: [B, H, W, C] -> [B, H/2, W/2, features]."""
    padding = (kernel - 1) // 2, (kernel - 1) // 2
    return layers.Conv(features, (kernel, kernel), strides=(2, 2), padding=(padding, padding), **fields)


class Generator(nn.Module):
    """Latents, and labels, to images.

    Attributes:
      num_classes: classes; 0 for none, labels being ignored.
      z_dim: latent size.
      ch: the channel multiplier (ngf).
      widths: multiples of ch: the seed's channels, then those of each block but the last, which gives the image.
      base: height and width of the seed; images are base * 2 ** len(widths).
      image_channels: of the output.
      kernel: side of the kernels, 4 or 5.
      use_bias: biases in all layers that no batch norm follows.
      batch_norm: after all layers but the last.
      project_norm: 'channel' or 'unit': what the seed's norm takes statistics of.
      spectral_norm, sn_eps: of all weights.
      conditioning: 'none'; 'concat', the one-hot joining z; or, with ``batch_norm``, 'cbn', which makes 'channel' of
        ``project_norm``. See :mod:`jaxgan.networks.conditioning`.
      weight_init: see :func:`jaxgan.nn.initializers.initializer`.
      bn_eps, bn_groups: of the norms; ``bn_groups`` as ``groups`` in :class:`jaxgan.nn.BatchNorm`.
      resample: how the convolutions are computed, see :func:`jaxgan.nn.fractional_conv.up_conv`.
      dtype, param_dtype: of the computation and of the parameters.
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
        """Draws images.

        Args:
          z: [B, z_dim] float.
          labels: [B] int, or [B, num_classes] float class weights, for mixtures.
          train: normalise with the batch's statistics.

        Returns:
          [B, H, W, image_channels] float32 in [-1, 1].

        Raises:
          ValueError: where z has another size, a name is unknown, or 'cbn' lacks ``batch_norm``.
        """
        check_conditioning(self.conditioning, self.num_classes, accepted=("none", "concat", "cbn"))
        if z.shape[-1] != self.z_dim:
            raise ValueError(f"z has {z.shape[-1]} columns, but z_dim={self.z_dim}")
        if self.conditioning == "cbn" and not self.batch_norm:
            raise ValueError("conditioning='cbn' conditions batch norms: set batch_norm=True")
        if self.project_norm not in ("channel", "unit"):
            raise ValueError(f"project_norm={self.project_norm!r}; choose from channel, unit")
        dtypes: dict[str, Any] = dict(dtype=self.dtype, param_dtype=self.param_dtype)
        spectral: dict[str, Any] = dict(
            spectral_norm=self.spectral_norm,
            sn_eps=self.sn_eps,
            kernel_init=layers.initializer(self.weight_init),
            **dtypes,
        )
        norms: dict[str, Any] = dict(eps=self.bn_eps, groups=self.bn_groups)
        hidden_bias = self.use_bias and not self.batch_norm
        up = functools.partial(up_conv, kernel=self.kernel, resample=self.resample, **spectral)

        def finish(h: Array, name: str) -> Array:
            if self.conditioning == "cbn":
                norm = layers.ConditionalBatchNorm(self.num_classes, name=name, **norms, **spectral)
                h = norm(h, labels, train=train)
            elif self.batch_norm:
                h = layers.BatchNorm(name=name, **norms, **dtypes)(h, train=train)
            return shard_batch(nn.relu(h))

        h = z.astype(self.dtype)
        if self.conditioning == "concat":
            h = join_classes(h, labels, self.num_classes)
        height, width = self.base
        seed = height, width, self.widths[0] * self.ch
        h = layers.Dense(height * width * seed[-1], use_bias=hidden_bias, name="project", **spectral)(h)
        if self.project_norm == "unit" and self.conditioning != "cbn":
            h = finish(h, "norm_project").reshape(-1, *seed)
        else:
            h = finish(h.reshape(-1, *seed), "norm_project")
        for index, multiple in enumerate(self.widths[1:]):
            conv = up(multiple * self.ch, use_bias=hidden_bias, name=f"conv_{index}")
            h = finish(conv(h), f"norm_{index}")
        to_image = up(self.image_channels, use_bias=self.use_bias, name="to_image")
        return jnp.tanh(to_image(h).astype(jnp.float32))


class Discriminator(nn.Module):
    """Images, and labels, to logits.

    Attributes:
      num_classes, kernel, use_bias, spectral_norm, sn_eps, weight_init, bn_eps, bn_groups, dtype, param_dtype: as in
        :class:`Generator`.
      ch: the channel multiplier (ndf).
      widths: multiples of ch, a convolution of stride two each.
      leak: the leaky ReLUs' slope.
      batch_norm: after all convolutions but the first.
      layer_norm: in its place, each image by itself over positions and channels, with a gain and a bias for each
        channel (WGAN-GP, arXiv:1704.00028, section 4, whose penalty is of each image alone; as in
        igul222/improved_wgan_training).
      dropout: the share of units dropped after each convolution in training (ACGAN, arXiv:1610.09585, appendix A: 0.5).
      conditioning: 'none'; 'concat', the one-hot joined to the image as planes; or 'projection'. See
        :mod:`jaxgan.networks.conditioning`.
      minibatch, minibatch_kernels, minibatch_dim: as in :class:`jaxgan.networks.heads.LogitHead`, but that 'stddev'
        joins the last map.
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
        """Scores images.

        Args:
          images: [B, H, W, C] float in [-1, 1].
          labels: [B] int, or [B, num_classes] float class weights.
          train: normalise with the batch's statistics; drop units, by the rng 'dropout'.

        Returns:
          [B] float32 logits. The last map, flattened, is shown to :func:`jaxgan.nn.sow_features`.

        Raises:
          ValueError: where a name is unknown, or both norms are asked for.
        """
        check_conditioning(self.conditioning, self.num_classes, accepted=("none", "concat", "projection"))
        if self.batch_norm and self.layer_norm:
            raise ValueError("batch_norm and layer_norm are both set: layer_norm=True takes batch_norm=False")
        dtypes: dict[str, Any] = dict(dtype=self.dtype, param_dtype=self.param_dtype)
        spectral: dict[str, Any] = dict(
            spectral_norm=self.spectral_norm, kernel_init=layers.initializer(self.weight_init)
        )
        conv = functools.partial(down_conv, kernel=self.kernel, sn_eps=self.sn_eps, **spectral, **dtypes)

        h = shard_batch(images.astype(self.dtype))
        if self.conditioning == "concat":
            h = join_classes(h, labels, self.num_classes)
        for index, multiple in enumerate(self.widths):
            normalized = index > 0 and (self.batch_norm or self.layer_norm)
            h = conv(multiple * self.ch, use_bias=self.use_bias and not normalized, name=f"conv_{index}")(h)
            if normalized and self.layer_norm:
                h = nn.LayerNorm(
                    epsilon=1e-5, reduction_axes=(1, 2, 3), feature_axes=3, name=f"norm_{index}", **dtypes
                )(h)
            elif normalized:
                norm = layers.BatchNorm(eps=self.bn_eps, groups=self.bn_groups, name=f"norm_{index}", **dtypes)
                h = norm(h, train=train)
            h = nn.Dropout(self.dropout, deterministic=not train)(nn.leaky_relu(h, self.leak))
            h = shard_batch(h)
        h = h.astype(jnp.float32)
        layers.sow_features(self, h.reshape(h.shape[0], -1))
        on_map = self.minibatch == "stddev"
        if on_map:
            h = layers.minibatch_stddev(h)
        return LogitHead(
            self.num_classes,
            conditioning="projection" if self.conditioning == "projection" else "none",
            minibatch="none" if on_map else self.minibatch,
            minibatch_kernels=self.minibatch_kernels,
            minibatch_dim=self.minibatch_dim,
            use_bias=self.use_bias,
            sn_eps=self.sn_eps,
            param_dtype=self.param_dtype,
            name="head",
            **spectral,
        )(h.reshape(h.shape[0], -1), labels)
