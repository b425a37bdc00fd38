"""LAPGAN's networks (Denton et al. 2015, arXiv:1506.05751): one pair for each level of a Laplacian pyramid.

All levels are called as other networks are, with the condition a mapping: 'class', as labels are, and, at every
level except the coarsest, 'coarse': the level's low-pass image, that is the coarser image upsampled
(:func:`jaxgan.nn.pyramid.upsample`), of the level's own size. There G draws the residual that the low-pass image lacks,
and D judges a residual, which it adds to the low-pass image first (section 3). The noise is one more plane of it, so
z_dim = H W.

The defaults are those of facebook/eyescream's CIFAR code (``train_cifar_coarse_to_fine_classcond.lua``) for its step
from 16 to 32 pixels: G has convolutions of 7x7, 7x7 and 5x5 with 64 channels between them, and no tanh; D two of 5x5
without padding, the second of stride two, 64 channels, and dropout before the logit. The class is a plane, ReLU of a
linear map of its one-hot, which joins the image in both (in the paper the first layer's maps).

The coarsest level (``coarsest=True``) is dense, with the one-hot joined to its input: 100 numbers of noise, and by the
paper's section 4.1 ``hidden=(1200, 1200)`` in G and ``hidden=(600, 600)`` in D; the scripts that train one at 32 pixels
take (8000, 8000) and (1600, 1600). Both have ReLU; that G's second layer is a sigmoid in the script without
classes is not followed.

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
from jaxgan.networks.common import check_choice, check_entries, check_latents, pick, weight_fields
from jaxgan.networks.conditioning import check_conditioning, class_weights
from jaxgan.networks.heads import logits_of
from jaxgan.parallel import shard_batch

Condition = Mapping[str, Array]

# What a dense level's network takes over.
_DENSE = "num_classes", "hidden", "conditioning", "spectral_norm", "sn_eps", "weight_init", "dtype", "param_dtype"


def _low_pass(condition: Condition, shape: tuple[int, ...], coarsest: bool) -> Array | None:
    """``condition['coarse']``, checked; None at the coarsest level."""
    if coarsest != ("coarse" not in condition):
        what = "takes no 'coarse' image" if coarsest else "needs condition['coarse'], the upsampled coarser image"
        raise ValueError(f"a level with coarsest={coarsest} {what}; got {', '.join(sorted(condition))}")
    if coarsest:
        return None
    if condition["coarse"].shape[1:] != shape:
        raise ValueError(f"condition['coarse'] is of {condition['coarse'].shape[1:]}, but residuals are of {shape}")
    return condition["coarse"]


def _class_plane(network: Any, condition: Condition, like: Array) -> Array:
    """The class as a plane [B, H, W, 1] of the size of ``like`` [B, H, W, C]."""
    height, width = like.shape[1:3]
    classes = class_weights(condition["class"], network.num_classes, dtype=like.dtype)
    plane = nn.relu(layers.Dense(height * width, name="class_plane", **weight_fields(network))(classes))
    return plane.reshape(-1, height, width, 1)


class Generator(nn.Module):
    """Noise and a low-pass image to a residual; at the coarsest level, noise to an image.

    Attributes:
      image_shape: of the level, without the batch: (H, W, C), or (N,) for signals.
      z_dim: latent size: H W for residuals of images.
      hidden: channels between the convolutions, or units of dense layers.
      kernels: sides of the convolutions' kernels, one more than ``hidden``.
      coarsest: whether this is the coarsest level.
      output: 'linear', or 'tanh'. Residuals of images in [-1, 1] go from -2 to 2.
      conditioning: 'none' or 'concat'.
      The others: see :mod:`jaxgan.networks.common`.
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
    def __call__(self, z: Array, condition: Condition, *, train: bool) -> Array:
        """Draws residuals, or the coarsest images: [B, *image_shape] float32.

        Args:
          z: [B, z_dim] float.
          condition: 'class': [B] int, or [B, num_classes] float class weights; and 'coarse': [B, *image_shape] float,
            unless ``coarsest``.
          train: accepted so that all networks are called in the same way; nothing here depends on it.

        Returns:
          [B, *image_shape] float32.

        Raises:
          ValueError: where sizes disagree, or 'coarse' is missing, or there at the coarsest level.
        """
        check_conditioning(self.conditioning, self.num_classes, accepted=("none", "concat"))
        check_latents(self, z)
        coarse = _low_pass(condition, self.image_shape, self.coarsest)
        if coarse is None or len(self.image_shape) == 1:
            z = z if coarse is None else jnp.concatenate([z, coarse.astype(z.dtype)], axis=-1)
            own = pick(self, *_DENSE, "image_shape", "output")
            dense = mlp.Generator(z_dim=z.shape[-1], name="dense", **own)
            return dense(z, condition["class"], train=train)

        height, width, channels = self.image_shape
        if self.z_dim != height * width:
            raise ValueError(f"z_dim={self.z_dim}: noise is a plane of {height}x{width}, so set {height * width}")
        check_entries("kernels", self.kernels, len(self.hidden) + 1, "convolution")
        check_choice("output", self.output, ("linear", "tanh"))
        weights = weight_fields(self)
        planes = [shard_batch(coarse.astype(self.dtype)), z.astype(self.dtype).reshape(-1, height, width, 1)]
        if self.conditioning == "concat":
            planes.append(_class_plane(self, condition, planes[0]))
        h = jnp.concatenate(planes, axis=-1)
        for index, features in enumerate(self.hidden):
            side = self.kernels[index]
            h = shard_batch(nn.relu(layers.Conv(features, (side, side), name=f"conv_{index}", **weights)(h)))
        side = self.kernels[-1]
        h = layers.Conv(channels, (side, side), name="to_image", **weights)(h).astype(jnp.float32)
        return jnp.tanh(h) if self.output == "tanh" else h


class Discriminator(nn.Module):
    """Residuals and their low-pass image to logits; at the coarsest level, images to logits.

    Attributes:
      hidden, coarsest: as in :class:`Generator`.
      kernels: sides of the convolutions' kernels, as many as ``hidden``. The first has stride one, the others two.
      dropout: the share of units dropped in training: before the logit, and at dense levels after every hidden layer.
      conditioning: 'none', 'concat' or 'projection'.
      minibatch, minibatch_kernels, minibatch_dim: as in :class:`jaxgan.networks.heads.LogitHead`.
      The others: see :mod:`jaxgan.networks.common`.
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
    def __call__(self, images: Array, condition: Condition, *, train: bool) -> Array:
        """Scores residuals, or the coarsest images.

        Args:
          images: [B, H, W, C] or [B, N] float.
          condition: 'class': [B] int, or [B, num_classes] float class weights; and 'coarse', of the shape of
            ``images``, unless ``coarsest``.
          train: drop units, by the rng 'dropout'.

        Returns:
          [B] float32 logits. What the logit is linear in is shown to :func:`jaxgan.nn.sow_features`.

        Raises:
          ValueError: where sizes disagree, or 'coarse' is missing, or there at the coarsest level.
        """
        check_conditioning(self.conditioning, self.num_classes, accepted=("none", "concat", "projection"))
        coarse = _low_pass(condition, images.shape[1:], self.coarsest)
        h = shard_batch(images if coarse is None else images + coarse)
        if coarse is None or images.ndim == 2:
            own = pick(self, *_DENSE, "dropout", "minibatch", "minibatch_kernels", "minibatch_dim")
            dense = mlp.Discriminator(activation="relu", name="dense", **own)
            return dense(h, condition["class"], train=train)

        check_entries("kernels", self.kernels, len(self.hidden), "convolution")
        conv = functools.partial(layers.Conv, padding="VALID", **weight_fields(self))
        h = h.astype(self.dtype)
        if self.conditioning == "concat":
            h = jnp.concatenate([h, _class_plane(self, condition, h)], axis=-1)
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
        return logits_of(self, h, condition["class"])
