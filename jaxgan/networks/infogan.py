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
from jaxgan.networks.conditioning import check_conditioning, join_classes
from jaxgan.networks.dcgan import down_conv
from jaxgan.networks.heads import LogitHead
from jaxgan.nn.fractional_conv import up_conv
from jaxgan.parallel import shard_batch


class Generator(nn.Module):
    """Latents, and labels where asked for, to images.

    Attributes:
      num_classes: classes; 0 for none, labels being ignored.
      z_dim: latent size, codes included.
      hidden: units of the first layer.
      widths: channels of the seed and of the map before the image.
      base: height and width of the seed; images are four times as large.
      image_channels: of the output.
      conditioning: 'none', as in the paper, or 'concat', the one-hot joining z.
      spectral_norm, sn_eps: of all weights.
      weight_init: see :func:`jaxgan.nn.initializers.initializer`.
      bn_eps, bn_groups: of the norms; ``bn_groups`` as ``groups`` in :class:`jaxgan.nn.BatchNorm`.
      resample: how the convolutions are computed, see :func:`jaxgan.nn.fractional_conv.up_conv`.
      dtype, param_dtype: of the computation and of the parameters.
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
        """Draws images.

        Args:
          z: [B, z_dim] float.
          labels: [B] int, or [B, num_classes] float class weights, for mixtures.
          train: normalise with the batch's statistics.

        Returns:
          [B, H, W, image_channels] float32 in [-1, 1].

        Raises:
          ValueError: where z has another size, or the conditioning is unknown or lacks classes.
        """
        check_conditioning(self.conditioning, self.num_classes, accepted=("none", "concat"))
        if z.shape[-1] != self.z_dim:
            raise ValueError(f"z has {z.shape[-1]} columns, but z_dim={self.z_dim}")
        dtypes: dict[str, Any] = dict(dtype=self.dtype, param_dtype=self.param_dtype)
        spectral: dict[str, Any] = dict(
            spectral_norm=self.spectral_norm,
            sn_eps=self.sn_eps,
            kernel_init=layers.initializer(self.weight_init),
            **dtypes,
        )

        def finish(h: Array, name: str) -> Array:
            norm = layers.BatchNorm(eps=self.bn_eps, groups=self.bn_groups, name=name, **dtypes)
            return shard_batch(nn.relu(norm(h, train=train)))

        h = z.astype(self.dtype)
        if self.conditioning == "concat":
            h = join_classes(h, labels, self.num_classes)
        height, width = self.base
        first, second = self.widths
        h = finish(layers.Dense(self.hidden, name="hidden", **spectral)(h), "norm_hidden")
        # Each unit of the seed is normalised by itself, as in the code.
        h = finish(layers.Dense(height * width * first, name="project", **spectral)(h), "norm_project")
        h = h.reshape(-1, height, width, first)
        up = functools.partial(up_conv, kernel=4, resample=self.resample, **spectral)
        h = finish(up(second, name="conv_0")(h), "norm_0")
        return jnp.tanh(up(self.image_channels, name="to_image")(h).astype(jnp.float32))


class Discriminator(nn.Module):
    """Images, and labels where asked for, to logits; Q reads the layer before the last.

    Attributes:
      num_classes, spectral_norm, sn_eps, weight_init, bn_eps, bn_groups, dtype, param_dtype: as in :class:`Generator`.
      hidden: units of the last layer but one.
      widths: channels of the two convolutions.
      leak: the leaky ReLUs' slope.
      batch_norm: after all layers but the first and the last.
      dropout: the share of units dropped after each layer in training; 0 in the paper.
      conditioning: 'none', as in the paper; 'concat', the one-hot joined to the image as planes; or 'projection'.
      minibatch, minibatch_kernels, minibatch_dim: as in :class:`jaxgan.networks.heads.LogitHead`.
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
        """Scores images.

        Args:
          images: [B, H, W, C] float in [-1, 1].
          labels: [B] int, or [B, num_classes] float class weights.
          train: normalise with the batch's statistics; drop units, by the rng 'dropout'.

        Returns:
          [B] float32 logits. The hidden layer [B, hidden] is shown to :func:`jaxgan.nn.sow_features`.

        Raises:
          ValueError: where the conditioning is unknown or lacks classes.
        """
        check_conditioning(self.conditioning, self.num_classes, accepted=("none", "concat", "projection"))
        dtypes: dict[str, Any] = dict(dtype=self.dtype, param_dtype=self.param_dtype)
        normalized: dict[str, Any] = dict(
            spectral_norm=self.spectral_norm, kernel_init=layers.initializer(self.weight_init)
        )
        spectral: dict[str, Any] = dict(sn_eps=self.sn_eps, **normalized, **dtypes)

        def finish(h: Array, name: str) -> Array:
            if self.batch_norm and name != "0":
                norm = layers.BatchNorm(eps=self.bn_eps, groups=self.bn_groups, name=f"norm_{name}", **dtypes)
                h = norm(h, train=train)
            return shard_batch(nn.Dropout(self.dropout, deterministic=not train)(nn.leaky_relu(h, self.leak)))

        h = shard_batch(images.astype(self.dtype))
        if self.conditioning == "concat":
            h = join_classes(h, labels, self.num_classes)
        for index, features in enumerate(self.widths):
            h = finish(down_conv(features, 4, name=f"conv_{index}", **spectral)(h), str(index))
        h = finish(layers.Dense(self.hidden, name="hidden", **spectral)(h.reshape(h.shape[0], -1)), "hidden")
        h = h.astype(jnp.float32)
        layers.sow_features(self, h)
        return LogitHead(
            self.num_classes,
            conditioning="projection" if self.conditioning == "projection" else "none",
            minibatch=self.minibatch,
            minibatch_kernels=self.minibatch_kernels,
            minibatch_dim=self.minibatch_dim,
            sn_eps=self.sn_eps,
            param_dtype=self.param_dtype,
            name="head",
            **normalized,
        )(h, labels)
