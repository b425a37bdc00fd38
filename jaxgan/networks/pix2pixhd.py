"""pix2pixHD's generator of two resolutions and its encoder of instances (Wang et al. 2017, arXiv:1711.11585, sections
3.1 and 3.4, appendix).

The global generator, at half the resolution, is :class:`jaxgan.networks.johnson.Generator` of four halvings. The
enhancer works at the whole one and adds the global generator's last features to its own.
"""

import functools
import math
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
from jaxgan.parallel import gather, shard_batch

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
      instances: the most of them in an image; where there are more, those of the highest numbers are one.
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
          instances: int [B, H, W], a number an instance.
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


class InstanceGenerator(nn.Module):
    """A generator that is told features of each instance next to the map (section 3.4): those that an encoder finds in
    a picture, the true one in training, or, in sampling, centres of clusters of what it found in the training set.

    The collection 'clusters' holds ``centres`` [classes, clusters, features] and ``counts`` [classes, clusters], the
    instances that each stands for; :meth:`clustered` moves them.

    Attributes:
      generator: (z, maps, train=) -> images.
      encoder: of features.
      classes: of the map; its further planes are not classes.
      clusters: of each class; the code's ten.
    """

    generator: nn.Module
    encoder: Encoder
    classes: int
    clusters: int = 10

    @property
    def multiple(self) -> int:
        """The number that sides must be multiples of."""
        return math.lcm(getattr(self.generator, "multiple", 1), 2**self.encoder.halvings)

    def setup(self) -> None:
        """The clusters, empty at first."""
        shape = (self.classes, self.clusters)
        self.centres = self.variable("clusters", "centres", jnp.zeros, (*shape, self.encoder.features), jnp.float32)
        self.counts = self.variable("clusters", "counts", jnp.zeros, shape, jnp.float32)

    def __call__(self, z: Array, condition: Any, *, train: bool) -> Array:
        """Draws images.

        Args:
          z: not used: [B, 0].
          condition: {'map': one-hot maps [B, H, W, K] float, 'instances': ids int [B, H, W], and 'style': images
            [B, H, W, C] in [-1, 1] to encode, resized where their sides are others; without it each instance has a
            centre of its class, drawn of the stream 'noise' with equal chances, and features of 0 where the class has
            none}.
          train: record batch norms' statistics.

        Returns:
          [B, H, W, image_channels] float32 in [-1, 1].
        """
        maps, instances = condition["map"], condition["instances"]
        if "style" in condition:
            style = condition["style"]
            if style.shape[1:3] != maps.shape[1:3]:  # sampling: a picture for maps of any size
                style = jax.image.resize(style, (*maps.shape[:3], style.shape[-1]), "linear")
            features = self.encoder(style, instances, train=train)
        else:
            features = self._drawn(maps, instances)
        return self.generator(z, jnp.concatenate([maps, features.astype(maps.dtype)], axis=-1), train=train)

    def _drawn(self, maps: Array, instances: Array) -> Array:
        planes, count = maps[..., : self.classes], self.encoder.instances
        label, rank = planes.argmax(-1), ranked(instances, count)
        noise = jax.random.gumbel(self.make_rng("noise"), (maps.shape[0], 1, count, self.clusters))
        full = jnp.where(self.counts.value > 0, 0.0, -jnp.inf)[None, :, None, :]
        chosen = (full + noise).argmax(-1).reshape(maps.shape[0], -1)
        flat = (label * count + rank).reshape(maps.shape[0], -1)
        pick = jnp.take_along_axis(chosen, flat, axis=1).reshape(label.shape)
        return self.centres.value[label, pick] * planes.sum(-1, keepdims=True)

    def clustered(self, condition: Any, *, train: bool = False) -> tuple[dict[str, Array], Array]:
        """One step of k-means, MacQueen's (1967): the first features of a class are its centres, and each further one
        moves the centre next to it to the mean of what that stands for.

        Args:
          condition: as in a call, with 'style'.
          train: of the encoder.

        Returns:
          ``(the collection 'clusters' after, mean distance of an instance's features from its centre before [])``.
        """
        count, planes = self.encoder.instances, condition["map"][..., : self.classes]
        features = self.encoder(condition["style"], condition["instances"], train=train)
        rank = ranked(condition["instances"], count)
        rows = gather((instance_table(features, rank, count), instance_table(planes, rank, count)))
        features, votes = (table.reshape(-1, table.shape[-1]) for table in rows)
        there = votes.max(-1) > 0

        def take(held: tuple[Array, Array], row: tuple[Array, Array, Array]) -> tuple[tuple[Array, Array], Array]:
            (centres, counts), (label, feature, valid) = held, row
            distances = jnp.linalg.norm(centres[label] - feature[None], axis=-1)
            empty = counts[label] == 0
            slot = jnp.where(empty.any(), empty.argmax(), distances.argmin())
            total = counts[label, slot] + valid
            move = valid * (feature - centres[label, slot]) / jnp.maximum(total, 1.0)
            away = jnp.where(empty.any(), 0.0, distances[slot]) * valid
            return (centres.at[label, slot].add(move), counts.at[label, slot].set(total)), away

        rows = votes.argmax(-1), features, there.astype(jnp.float32)
        (centres, counts), away = jax.lax.scan(take, (self.centres.value, self.counts.value), rows)
        return {"centres": centres, "counts": counts}, away.sum() / jnp.maximum(there.sum(), 1)


def instance_means(features: Array, instances: Array, count: int) -> Array:
    """The mean of ``features`` [B, H, W, F] over each instance, at each of its pixels.

    Args:
      features: float.
      instances: int [B, H, W], any numbers, of each image by itself.
      count: the most instances of an image; where there are more, those of the highest numbers are one.

    Returns:
      [B, H, W, F] float32.
    """
    rank = ranked(instances, count)
    table = instance_table(features, rank, count)
    return jax.vmap(lambda means, ids: means[ids])(table, rank)


def instance_table(features: Array, rank: Array, count: int) -> Array:
    """The mean of ``features`` [B, H, W, F] over the pixels of each ``rank`` int [B, H, W]: [B, count, F] float32, and
    0 for ranks that an image lacks.
    """
    flat = features.astype(jnp.float32).reshape(features.shape[0], -1, features.shape[-1])

    def of_image(values: Array, ids: Array) -> Array:
        sizes = jax.ops.segment_sum(jnp.ones_like(ids, jnp.float32), ids, count)
        return jax.ops.segment_sum(values, ids, count) / jnp.maximum(sizes, 1.0)[:, None]

    return jax.vmap(of_image)(flat, rank.reshape(rank.shape[0], -1))


def ranked(instances: Array, count: int) -> Array:
    """Numbers of instances int [B, H, W] as 0, 1, 2, ... in their order, of each image by itself; from ``count`` on
    they share ``count - 1``.
    """

    def of_image(ids: Array) -> Array:
        found = jnp.unique(ids, size=count, fill_value=jnp.iinfo(ids.dtype).max)
        return jnp.minimum(jnp.searchsorted(found, ids), count - 1)

    return jax.vmap(of_image)(instances)
