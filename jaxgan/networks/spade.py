"""SPADE's generator, whose norms are modulated by a label map, and its encoder of styles (GauGAN: Park et al. 2019,
arXiv:1903.07291, section 3 and appendix A; code NVlabs/SPADE).

The map steers every block by the gains and biases of its norms; the first layer sees the map too, or latents in its
place. Its discriminators are :class:`jaxgan.networks.patchgan.Discriminator` at two scales.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgan import nn as layers
from jaxgan.networks.common import batch_norm_fields, check_choice, check_latents, pick, weight_fields
from jaxgan.parallel import shard_batch

LEAK = 0.2
# Blocks at doubled resolutions, after the first and the middle ones: the multiples of ch.
WIDTHS = (8, 4, 2, 1)
# Doublings of each size of the network: 256 pixels start from 8x8 with 'normal', 512 from 8x8 with 'more'.
SIZES = {"normal": 5, "more": 6, "most": 7}
LATENTS = ("none", "normal", "encoder")


def shrink_nearest(maps: Array, size: tuple[int, int]) -> Array:
    """Maps [B, H, W, C] at a size that divides theirs: the first pixel of each block, as torch's 'nearest' takes it.

    Raises:
      ValueError: where the size does not divide theirs.
    """
    rows, columns = maps.shape[1] // size[0], maps.shape[2] // size[1]
    if (size[0] * rows, size[1] * columns) != maps.shape[1:3]:
        raise ValueError(f"maps of {maps.shape[1]}x{maps.shape[2]} have no whole blocks at {size[0]}x{size[1]}")
    return maps[:, ::rows, ::columns]


class SpatiallyAdaptiveNorm(nn.Module):
    """Batch norm whose gain and bias at each pixel are convolutions of a label map (section 3, eq. 1).

    Attributes:
      conv: ``conv(features, kernel_size, name=...)`` makes a convolution, not spectrally normalised.
      norm: ``norm(affine=False, name=...)`` makes a batch norm.
      hidden: channels between.
    """

    conv: Any
    norm: Any
    hidden: int = 128

    @nn.compact
    def __call__(self, x: Array, maps: Array, *, train: bool) -> Array:
        """Normalises ``x`` [B, h, w, C] under ``maps`` [B, H, W, K] float, which h and w divide."""
        normal = self.norm(affine=False, name="norm")(x, train=train)
        shared = self.conv(self.hidden, (3, 3), name="shared")(shrink_nearest(maps, (x.shape[1], x.shape[2])))
        shared = nn.relu(shared)
        gain = self.conv(x.shape[-1], (3, 3), name="gain")(shared)
        return normal * (1 + gain) + self.conv(x.shape[-1], (3, 3), name="bias")(shared)


class Block(nn.Module):
    """Residual block (figure 4): norm, leaky ReLU, 3x3, twice; the shortcut is norm, 1x1 where channels change.

    Attributes:
      features: output channels; the fewer of input and output channels lie between.
      conv: ``conv(features, kernel_size, name=...)`` makes a convolution.
      norm: ``norm(name=...)`` makes a norm, called as ``norm(x, maps, train=...)``.
    """

    features: int
    conv: Any
    norm: Any

    @nn.compact
    def __call__(self, x: Array, maps: Array, *, train: bool) -> Array:
        """[B, H, W, C] -> [B, H, W, features]."""
        middle = min(x.shape[-1], self.features)
        skip = x
        if x.shape[-1] != self.features:
            skip = self.norm(name="norm_shortcut")(x, maps, train=train)
            skip = self.conv(self.features, (1, 1), use_bias=False, name="conv_shortcut")(skip)
        h = nn.leaky_relu(self.norm(name="norm_0")(x, maps, train=train), LEAK)
        h = self.conv(middle, (3, 3), name="conv_0")(h)
        h = nn.leaky_relu(self.norm(name="norm_1")(h, maps, train=train), LEAK)
        return shard_batch(skip + self.conv(self.features, (3, 3), name="conv_1")(h))


class Encoder(nn.Module):
    """An image to the mean and the logarithm of the variance of its style (figure 14).

    Attributes:
      z_dim: numbers of a style.
      ch: channels of the first of six convolutions of stride two.
      resolution: side that images are resized to.
      The others: see :mod:`jaxgan.networks.common`.
    """

    z_dim: int = 256
    ch: int = 64
    resolution: int = 256
    spectral_norm: bool = True
    sn_eps: float = 1e-12
    weight_init: str = "xavier_02"
    bn_eps: float = 1e-5
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, images: Array, *, train: bool) -> tuple[Array, Array]:
        """Images [B, H, W, C] float in [-1, 1] -> (mean, log of the variance), [B, z_dim] float32 each."""
        fields = weight_fields(self)
        size = (images.shape[0], self.resolution, self.resolution, images.shape[-1])
        h = images if images.shape == size else jax.image.resize(images, size, "bilinear", antialias=False)
        h = shard_batch(h.astype(self.dtype))
        halvings = min(6, self.resolution.bit_length() - 3)
        for index in range(halvings):
            h = nn.leaky_relu(h, LEAK) if index else h
            conv = layers.Conv(
                self.ch * min(2**index, 8), (3, 3), strides=(2, 2), padding=((1, 1), (1, 1)), use_bias=False,
                name=f"conv_{index}", **fields,
            )  # fmt: skip
            h = shard_batch(layers.instance_norm(conv(h), eps=self.bn_eps))
        flat = nn.leaky_relu(h, LEAK).reshape(h.shape[0], -1)
        plain = fields | {"spectral_norm": False}
        mean = layers.Dense(self.z_dim, name="mean", **plain)(flat)
        log_variance = layers.Dense(self.z_dim, name="log_variance", **plain)(flat)
        return mean.astype(jnp.float32), log_variance.astype(jnp.float32)


class Generator(nn.Module):
    """The image that belongs to a label map, in a style.

    Attributes:
      ch: channels of the last block (ngf); the first has 16 times as many.
      size: 'normal', 'more' or 'most': five, six or seven doublings.
      latents: what the first layer sees: 'none', the map; 'normal', z; 'encoder', z in training from an encoder of the
        image that the map belongs to, and in sampling of an image that is given, or N(0, I).
      z_dim: numbers of z.
      hidden: channels in the norms.
      encoder_ch, encoder_resolution: of the encoder.
      image_channels: of the output.
      image_size: (height, width) that z is laid out for; of others, which the weights of the first layer do not fit,
        an error says so. None for those of the first call; without latents any size is drawn.
      The others: see :mod:`jaxgan.networks.common`. Batch norms' statistics are those of the whole batch.
    """

    ch: int = 64
    size: str = "normal"
    latents: str = "none"
    z_dim: int = 256
    hidden: int = 128
    encoder_ch: int = 64
    encoder_resolution: int = 256
    image_channels: int = 3
    image_size: tuple[int, int] | None = None
    spectral_norm: bool = True
    sn_eps: float = 1e-12
    weight_init: str = "xavier_02"
    bn_eps: float = 1e-5
    bn_groups: int | None = None
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    @property
    def multiple(self) -> int:
        """The number that sides must be multiples of."""
        return 2 ** SIZES[self.size]

    def setup(self) -> None:
        """The encoder, which losses call too (:meth:`encode`)."""
        if self.latents == "encoder":
            self.encoder = Encoder(
                ch=self.encoder_ch, resolution=self.encoder_resolution,
                **pick(self, "z_dim", "spectral_norm", "sn_eps", "weight_init", "bn_eps", "dtype", "param_dtype"),
            )  # fmt: skip
        self.body = Body(**pick(self, *BODY))

    def encode(self, images: Array, *, train: bool) -> tuple[Array, Array]:
        """The encoder's mean and log of the variance for images [B, H, W, C] in [-1, 1]: [B, z_dim] each."""
        return self.encoder(images, train=train)

    def __call__(self, z: Array, condition: Any, *, train: bool) -> Array:
        """Draws images.

        Args:
          z: [B, z_dim] of N(0, I); not used where ``latents`` is 'none'.
          condition: {'map': one-hot maps [B, H, W, K] float, and with an encoder also 'style': images [B, H, W, C] in
            [-1, 1] whose style is taken, where there are any}; sides in multiples of :attr:`multiple`.
          train: normalise with the batch's statistics.

        Returns:
          [B, H, W, image_channels] float32 in [-1, 1].

        Raises:
          ValueError: on an unknown size or word, or where a side is no such multiple, or not the trained one where z is
            drawn.
        """
        check_choice("size", self.size, tuple(SIZES))
        check_choice("latents", self.latents, LATENTS)
        maps = condition["map"]
        if maps.shape[1] % self.multiple or maps.shape[2] % self.multiple:
            raise ValueError(
                f"SPADE of size {self.size!r} takes sides in multiples of {self.multiple}, got "
                f"{maps.shape[1]}x{maps.shape[2]}: resize the maps"
            )
        if self.latents != "none":
            check_latents(self, z)
            if self.image_size is not None and self.image_size != maps.shape[1:3]:
                raise ValueError(
                    f"SPADE with latents={self.latents!r} lays z out for images of {self.image_size[0]}x"
                    f"{self.image_size[1]}, the trained size, and was given maps of {maps.shape[1]}x{maps.shape[2]}: "
                    "resize the maps; a network trained with generator.latents='none' draws any size"
                )
        if self.latents == "encoder" and "style" in condition:
            mean, log_variance = self.encode(condition["style"], train=train)
            z = mean + jnp.exp(0.5 * log_variance) * z
        return self.body(z, maps, train=train)


BODY = ("ch", "size", "latents", "hidden", "image_channels", "spectral_norm", "sn_eps", "weight_init", "bn_eps",
        "bn_groups", "dtype", "param_dtype")  # fmt: skip


class Body(nn.Module):
    """The generator proper; fields as in :class:`Generator`."""

    ch: int
    size: str
    latents: str
    hidden: int
    image_channels: int
    spectral_norm: bool
    sn_eps: float
    weight_init: str
    bn_eps: float
    bn_groups: int | None
    dtype: Any
    param_dtype: Any

    @nn.compact
    def __call__(self, z: Array, maps: Array, *, train: bool) -> Array:
        """(z [B, z_dim], maps [B, H, W, K]) -> images [B, H, W, image_channels] float32 in [-1, 1]."""
        maps = shard_batch(maps.astype(self.dtype))
        conv = functools.partial(layers.Conv, **weight_fields(self))
        plain = functools.partial(layers.Conv, **weight_fields(self, spectral_norm=False))
        batch_norm = functools.partial(layers.BatchNorm, **batch_norm_fields(self))
        norm = functools.partial(SpatiallyAdaptiveNorm, plain, batch_norm, self.hidden)

        def block(h: Array, multiple: int, name: str) -> Array:
            return Block(self.ch * multiple, conv, norm, name=name)(h, maps, train=train)

        doublings = SIZES[self.size]
        base = maps.shape[1] // 2**doublings, maps.shape[2] // 2**doublings
        if self.latents == "none":
            h = plain(16 * self.ch, (3, 3), name="first")(shrink_nearest(maps, base))
        else:
            dense = layers.Dense(
                16 * self.ch * base[0] * base[1], name="first", **weight_fields(self, spectral_norm=False)
            )
            h = dense(z.astype(self.dtype)).reshape(-1, *base, 16 * self.ch)
        h = layers.upsample_nearest(block(shard_batch(h), 16, "head"))
        h = block(h, 16, "middle_0")
        h = layers.upsample_nearest(h) if doublings > 5 else h
        h = block(h, 16, "middle_1")
        for index, multiple in enumerate(WIDTHS):
            h = block(layers.upsample_nearest(h), multiple, f"up_{index}")
        if doublings > 6:
            half = Block(self.ch // 2, conv, norm, name="up_4")
            h = half(layers.upsample_nearest(h), maps, train=train)
        image = plain(self.image_channels, (3, 3), name="to_image")(nn.leaky_relu(h, LEAK))
        return jnp.tanh(image.astype(jnp.float32))
