"""pix2pixHD's generator of two resolutions and its encoder of instances (Wang et al. 2017, arXiv:1711.11585, sections
3.1 and 3.4, appendix).

The global generator, at half the resolution, is :class:`jaxgan.networks.johnson.Generator` of four halvings. The
enhancer works at the whole one and adds the global generator's last features to its own.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgan import nn as layers
from jaxgan.networks import johnson
from jaxgan.networks.common import check_choice, pick, translation_norm, weight_fields
from jaxgan.networks.multi_scale import halve
from jaxgan.nn.fractional_conv import up_conv
from jaxgan.parallel import shard_batch

PARTS = ("global", "enhancer", "both")


class Generator(nn.Module):
    """The image that belongs to a label map, coarse to fine.

    Attributes:
      ch: channels of the enhancer's first layer (ngf, 32 with an enhancer); the global generator's are twice as many.
      halvings, blocks: of the global generator.
      enhancer_blocks: residual blocks of the enhancer.
      part: what is trained, the phases of section 3.1: 'global', which draws images at half the resolution; 'enhancer',
        through which no gradient reaches the global generator; or 'both'.
      image_channels: of the output.
      norm: 'instance', 'batch' or 'none'.
      The others: see :mod:`jaxgan.networks.common`.
    """

    ch: int = 32
    halvings: int = 4
    blocks: int = 9
    enhancer_blocks: int = 3
    part: str = "both"
    image_channels: int = 3
    norm: str = "instance"
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
        return 2**self.halvings * (1 if self.part == "global" else 2)

    @nn.compact
    def __call__(self, z: Array, maps: Array, *, train: bool) -> Array:
        """Draws images.

        Args:
          z: not used: [B, 0].
          maps: [B, H, W, C] float, one-hot labels and edges, whose sides are multiples of :attr:`multiple`; with
            ``part='global'`` at half the resolution.
          train: record batch norms' statistics.

        Returns:
          [B, H, W, image_channels] float32 in [-1, 1].

        Raises:
          ValueError: on another part, or where a side is no such multiple.
        """
        check_choice("part", self.part, PARTS)
        if maps.shape[1] % self.multiple or maps.shape[2] % self.multiple:
            raise ValueError(
                f"pix2pixHD of {self.halvings} halvings takes sides in multiples of {self.multiple}, got "
                f"{maps.shape[1]}x{maps.shape[2]}"
            )
        shared = ("halvings", "blocks", "norm", "spectral_norm", "sn_eps", "weight_init", "bn_eps", "bn_groups")
        coarse = johnson.Generator(
            name="global", ch=2 * self.ch, image_channels=self.image_channels, to_image=self.part == "global",
            **pick(self, *shared, "resample", "dtype", "param_dtype"),
        )  # fmt: skip
        if self.part == "global":
            return coarse(z, maps, train=train)
        features = coarse(z, halve(maps, pool="overlapping"), train=train)
        if self.part == "enhancer":
            features = jax.lax.stop_gradient(features)

        biases: dict[str, Any] = dict(use_bias=self.norm != "batch")
        fields = weight_fields(self)
        conv = functools.partial(layers.Conv, padding="VALID", **biases, **fields)
        norm = functools.partial(translation_norm, self)

        def finish(h: Array, name: str) -> Array:
            return shard_batch(nn.relu(norm(h, name=name, train=train)))

        h = layers.reflect_pad(shard_batch(maps.astype(self.dtype)), 3)
        h = finish(conv(self.ch, (7, 7), name="first")(h), "norm_first")
        h = conv(2 * self.ch, (3, 3), strides=(2, 2), padding=((1, 1), (1, 1)), name="down")(h)
        h = finish(h, "norm_down") + features
        for block in range(self.enhancer_blocks):
            h = johnson.ResidualBlock(conv, norm, name=f"block_{block}")(h, train=train)
        h = finish(up_conv(self.ch, 3, resample=self.resample, name="up", **biases, **fields)(h), "norm_up")
        image = conv(self.image_channels, (7, 7), use_bias=True, name="to_image")(layers.reflect_pad(h, 3))
        return jnp.tanh(image.astype(jnp.float32))


class Encoder(nn.Module):
    """Images to features that are the same over each instance (section 3.4).

    Attributes:
      ch: channels of the first layer (nef).
      halvings: of the network, which doubles as often.
      features: numbers a pixel, in [-1, 1].
      instances: the most of them in an image; ids from this on share one.
      The others: see :mod:`jaxgan.networks.common`.
    """

    ch: int = 16
    halvings: int = 4
    features: int = 3
    instances: int = 256
    norm: str = "instance"
    spectral_norm: bool = False
    sn_eps: float = 1e-6
    weight_init: str = "normal_02"
    bn_eps: float = 1e-5
    bn_groups: int | None = None
    resample: str = "auto"
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, images: Array, instances: Array, *, train: bool) -> Array:
        """Encodes images.

        Args:
          images: [B, H, W, C] float in [-1, 1].
          instances: int [B, H, W], a number an instance, from 0.
          train: record batch norms' statistics.

        Returns:
          [B, H, W, features] float32 in [-1, 1], each instance's mean.
        """
        shared = ("ch", "halvings", "norm", "spectral_norm", "sn_eps", "weight_init", "bn_eps", "bn_groups")
        network = johnson.Generator(
            name="pixels", blocks=0, image_channels=self.features,
            **pick(self, *shared, "resample", "dtype", "param_dtype"),
        )  # fmt: skip
        return instance_means(network(images[..., :0], images, train=train), instances, self.instances)


def instance_means(features: Array, instances: Array, count: int) -> Array:
    """The mean of ``features`` [B, H, W, F] over each instance, at each of its pixels.

    Args:
      features: float.
      instances: int [B, H, W], from 0; of each image by itself.
      count: of instances; higher ids are taken for ``count - 1``.

    Returns:
      [B, H, W, F] float32.
    """
    flat = features.astype(jnp.float32).reshape(features.shape[0], -1, features.shape[-1])
    ids = jnp.clip(instances.reshape(instances.shape[0], -1), 0, count - 1)

    def of_image(values: Array, ids: Array) -> Array:
        sums = jax.ops.segment_sum(values, ids, count)
        sizes = jax.ops.segment_sum(jnp.ones_like(ids, jnp.float32), ids, count)
        return (sums / jnp.maximum(sizes, 1.0)[:, None])[ids]

    return jax.vmap(of_image)(flat, ids).reshape(features.shape)
