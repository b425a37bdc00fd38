"""LAPGAN's networks (Denton et al. 2015, arXiv:1506.05751): one pair for each level of a Laplacian pyramid.

All levels are called as other networks are, with ``labels`` a mapping: 'class', as labels otherwise are, and, at every
level but the coarsest, 'coarse': the level's low-pass image, that is the coarser image upsampled
(:func:`jaxgan.nn.pyramid.upsample`), of the level's own size. There G draws the residual that the low-pass image lacks,
and D judges a residual, which it adds to the low-pass image first (section 3). The noise is one more plane of it, so
z_dim = H W.

The defaults are those of facebook/eyescream's CIFAR code (``train_cifar_coarse_to_fine_classcond.lua``) for its step
from 16 to 32 pixels: G has convolutions of 7x7, 7x7 and 5x5 with 64 channels between them, and no tanh; D two of 5x5
without padding, the second of stride two, 64 channels, and dropout before the logit. The class is a plane, ReLU of a
linear map of its one-hot, which joins the image in both (in the paper the first layer's maps).

The coarsest level (``coarsest=True``) is dense, with the one-hot joined to its input: 100 numbers of noise, and by the
paper's section 4.1 ``hidden=(1200, 1200)`` in G and ``hidden=(600, 600)`` in D; the scripts that train one at 32 pixels
take (8000, 8000) and (1600, 1600). Both have ReLU, but that G's second layer is a sigmoid in the script without
classes, which is not followed.

Points of the plane are signals of two pixels: the coarsest level draws their mean, ``image_shape=(1,)``, the next one
[B, 2] residuals, dense also, with noise of any size. These are this library's own.
"""

import functools
import math
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgan import nn as layers
from jaxgan.networks import mlp
from jaxgan.networks.conditioning import check_conditioning, class_weights
from jaxgan.networks.heads import LogitHead
from jaxgan.parallel import shard_batch

Labels = Mapping[str, Array]


def _low_pass(labels: Labels, shape: tuple[int, ...], coarsest: bool) -> Array | None:
    """``labels['coarse']``, checked; None at the coarsest level."""
    if coarsest != ("coarse" not in labels):
        what = "takes no 'coarse' image" if coarsest else "needs labels['coarse'], the upsampled coarser image"
        raise ValueError(f"a level with coarsest={coarsest} {what}; got labels with {', '.join(sorted(labels))}")
    if coarsest:
        return None
    if labels["coarse"].shape[1:] != shape:
        raise ValueError(f"labels['coarse'] is of {labels['coarse'].shape[1:]}, but residuals are of {shape}")
    return labels["coarse"]


def _class_plane(labels: Labels, num_classes: int, like: Array, spectral: dict[str, Any]) -> Array:
    """The class as a plane [B, H, W, 1] beside ``like`` [B, H, W, C]."""
    height, width = like.shape[1:3]
    weights = class_weights(labels["class"], num_classes, dtype=like.dtype)
    plane = nn.relu(layers.Dense(height * width, name="class_plane", **spectral)(weights))
    return plane.reshape(-1, height, width, 1)


class Generator(nn.Module):
    """Noise and a low-pass image to a residual; at the coarsest level, noise to an image.

    Attributes:
      num_classes: classes; 0 for none, labels being ignored.
      image_shape: of the level, without the batch: (H, W, C), or (N,) for signals.
      z_dim: latent size: H W for residuals of images.
      hidden: channels between the convolutions, or units of dense layers.
      kernels: sides of the convolutions' kernels, one more than ``hidden``.
      coarsest: whether this is the coarsest level.
      output: 'linear', or 'tanh'. Residuals of images in [-1, 1] go from -2 to 2.
      conditioning: 'none' or 'concat'.
      spectral_norm, sn_eps: of all weights.
      weight_init: see :func:`jaxgan.nn.initializers.initializer`.
      dtype, param_dtype: of the computation and of the parameters.
    """

    num_classes: int = 0
    image_shape: tuple[int, ...] = (32, 32, 3)
    z_dim: int = 1024
    hidden: tuple[int, ...] = (64, 64)
    kernels: tuple[int, ...] = (7, 7, 5)
    coarsest: bool = False
    output: str = "linear"
    conditioning: str = "none"
    spectral_norm: bool = False
    sn_eps: float = 1e-6
    weight_init: str = "orthogonal"
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, z: Array, labels: Labels, *, train: bool) -> Array:
        """Draws residuals, or the coarsest images.

        Args:
          z: [B, z_dim] float.
          labels: 'class': [B] int, or [B, num_classes] float class weights; and 'coarse': [B, *image_shape] float,
            unless ``coarsest``.
          train: accepted so that all networks are called alike; nothing here depends on it.

        Returns:
          [B, *image_shape] float32.

        Raises:
          ValueError: where sizes disagree, or 'coarse' is missing, or there at the coarsest level.
        """
        check_conditioning(self.conditioning, self.num_classes, accepted=("none", "concat"))
        if z.shape[-1] != self.z_dim:
            raise ValueError(f"z has {z.shape[-1]} columns, but z_dim={self.z_dim}")
        coarse = _low_pass(labels, self.image_shape, self.coarsest)
        shared: dict[str, Any] = dict(spectral_norm=self.spectral_norm, dtype=self.dtype, param_dtype=self.param_dtype)
        if coarse is None or len(self.image_shape) == 1:
            z = z if coarse is None else jnp.concatenate([z, coarse.astype(z.dtype)], axis=-1)
            dense = mlp.Generator(
                num_classes=self.num_classes,
                z_dim=z.shape[-1],
                image_shape=self.image_shape,
                hidden=self.hidden,
                output=self.output,
                conditioning=self.conditioning,
                sn_eps=self.sn_eps,
                weight_init=self.weight_init,
                name="dense",
                **shared,
            )
            return dense(z, labels["class"], train=train)

        height, width, channels = self.image_shape
        if self.z_dim != height * width:
            raise ValueError(f"z_dim={self.z_dim}: noise is a plane of {height}x{width}, so set {height * width}")
        if len(self.kernels) != len(self.hidden) + 1:
            raise ValueError(f"kernels={self.kernels} has {len(self.kernels)} entries; set {len(self.hidden) + 1}")
        if self.output not in ("linear", "tanh"):
            raise ValueError(f"output={self.output!r}; choose from linear, tanh")
        spectral: dict[str, Any] = dict(sn_eps=self.sn_eps, kernel_init=layers.initializer(self.weight_init), **shared)
        planes = [shard_batch(coarse.astype(self.dtype)), z.astype(self.dtype).reshape(-1, height, width, 1)]
        if self.conditioning == "concat":
            planes.append(_class_plane(labels, self.num_classes, planes[0], spectral))
        h = jnp.concatenate(planes, axis=-1)
        for index, features in enumerate(self.hidden):
            side = self.kernels[index]
            h = shard_batch(nn.relu(layers.Conv(features, (side, side), name=f"conv_{index}", **spectral)(h)))
        side = self.kernels[-1]
        h = layers.Conv(channels, (side, side), name="to_image", **spectral)(h).astype(jnp.float32)
        return jnp.tanh(h) if self.output == "tanh" else h


class Discriminator(nn.Module):
    """Residuals and their low-pass image to logits; at the coarsest level, images to logits.

    Attributes:
      num_classes, hidden, coarsest, spectral_norm, sn_eps, weight_init, dtype, param_dtype: as in :class:`Generator`.
      kernels: sides of the convolutions' kernels, as many as ``hidden``. The first has stride one, the others two.
      dropout: the share of units dropped in training: before the logit, and at dense levels after every hidden layer.
      conditioning: 'none', 'concat' or 'projection'.
      minibatch, minibatch_kernels, minibatch_dim: as in :class:`jaxgan.networks.heads.LogitHead`.
    """

    num_classes: int = 0
    hidden: tuple[int, ...] = (64, 64)
    kernels: tuple[int, ...] = (5, 5)
    coarsest: bool = False
    dropout: float = 0.5
    conditioning: str = "none"
    spectral_norm: bool = False
    sn_eps: float = 1e-6
    minibatch: str = "none"
    minibatch_kernels: int = 100
    minibatch_dim: int = 5
    weight_init: str = "orthogonal"
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, images: Array, labels: Labels, *, train: bool) -> Array:
        """Scores residuals, or the coarsest images.

        Args:
          images: [B, H, W, C] or [B, N] float.
          labels: 'class': [B] int, or [B, num_classes] float class weights; and 'coarse', of the shape of ``images``,
            unless ``coarsest``.
          train: drop units, by the rng 'dropout'.

        Returns:
          [B] float32 logits. What the logit is linear in is shown to :func:`jaxgan.nn.sow_features`.

        Raises:
          ValueError: where sizes disagree, or 'coarse' is missing, or there at the coarsest level.
        """
        check_conditioning(self.conditioning, self.num_classes, accepted=("none", "concat", "projection"))
        coarse = _low_pass(labels, images.shape[1:], self.coarsest)
        shared: dict[str, Any] = dict(spectral_norm=self.spectral_norm, param_dtype=self.param_dtype)
        batch: dict[str, Any] = dict(
            sn_eps=self.sn_eps,
            minibatch=self.minibatch,
            minibatch_kernels=self.minibatch_kernels,
            minibatch_dim=self.minibatch_dim,
        )
        h = shard_batch(images if coarse is None else images + coarse)
        if coarse is None or images.ndim == 2:
            dense = mlp.Discriminator(
                num_classes=self.num_classes,
                hidden=self.hidden,
                activation="relu",
                dropout=self.dropout,
                conditioning=self.conditioning,
                weight_init=self.weight_init,
                dtype=self.dtype,
                name="dense",
                **shared,
                **batch,
            )
            logits = dense(h, labels["class"], train=train)
            if self.is_mutable_collection(layers.FEATURES):
                layers.sow_features(self, dense.get_variable(layers.FEATURES, "last"))
            return logits

        if len(self.kernels) != len(self.hidden):
            raise ValueError(f"kernels={self.kernels} has {len(self.kernels)} entries; set {len(self.hidden)}")
        init = layers.initializer(self.weight_init)
        spectral: dict[str, Any] = dict(sn_eps=self.sn_eps, kernel_init=init, dtype=self.dtype, **shared)
        conv = functools.partial(layers.Conv, padding="VALID", **spectral)
        h = h.astype(self.dtype)
        if self.conditioning == "concat":
            h = jnp.concatenate([h, _class_plane(labels, self.num_classes, h, spectral)], axis=-1)
        for index, (features, side) in enumerate(zip(self.hidden, self.kernels)):
            if min(h.shape[1:3]) < side:
                raise ValueError(
                    f"a {h.shape[1]}x{h.shape[2]} map is less than kernel {index} of {side}: images of "
                    f"{images.shape[1]}x{images.shape[2]} are too small for kernels={self.kernels}"
                )
            stride = 1 if index == 0 else 2
            h = conv(features, (side, side), strides=(stride, stride), name=f"conv_{index}")(h)
            h = shard_batch(nn.relu(h))
        h = h.reshape(h.shape[0], math.prod(h.shape[1:])).astype(jnp.float32)
        h = nn.Dropout(self.dropout, deterministic=not train)(h)
        layers.sow_features(self, h)
        return LogitHead(
            self.num_classes,
            conditioning="projection" if self.conditioning == "projection" else "none",
            kernel_init=init,
            name="head",
            **shared,
            **batch,
        )(h, labels["class"])
