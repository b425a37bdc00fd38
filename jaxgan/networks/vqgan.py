"""VQGAN's autoencoder: residual blocks with group norms, attention at the smallest maps, a grid of codes (Esser et al.
2021, arXiv:2012.09841, appendix A; code CompVis/taming-transformers, ``modules/diffusionmodules/model.py``).
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgan import nn as layers
from jaxgan.networks.common import weight_fields
from jaxgan.nn.attention import attend
from jaxgan.nn.gumbel_quantizer import GumbelQuantizer
from jaxgan.nn.vector_quantizer import Quantized, VectorQuantizer
from jaxgan.parallel import shard_batch

Makers = Callable[..., Any]
LAST = "conv_out"


class ResidualBlock(nn.Module):
    """Norm, swish, 3x3, twice, and the input added, by a 1x1 where the channels differ."""

    ch: int
    conv: Makers
    norm: Makers
    dropout: float = 0.0

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> Array:
        """[B, H, W, C] -> [B, H, W, ch]."""
        h = self.conv(self.ch, (3, 3), name="conv_0")(nn.swish(self.norm(name="norm_0")(x)))
        h = nn.Dropout(self.dropout)(nn.swish(self.norm(name="norm_1")(h)), deterministic=not train)
        h = self.conv(self.ch, (3, 3), name="conv_1")(h)
        skip = x if x.shape[-1] == self.ch else self.conv(self.ch, (1, 1), name="skip")(x)
        return shard_batch(skip + h)


class Attention(nn.Module):
    """Each place looks at all others, with one head, and the input is added."""

    conv: Makers
    norm: Makers

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """[B, H, W, C] -> the same shape."""
        batch, height, width, channels = x.shape
        h = self.norm(name="norm")(x)
        query, key, value = (
            self.conv(channels, (1, 1), name=name)(h).reshape(batch, height * width, channels)
            for name in ("query", "key", "value")
        )
        found = attend(query * channels**-0.5, key, value).reshape(x.shape)
        return shard_batch(x + self.conv(channels, (1, 1), name="out")(found))


class Encoder(nn.Module):
    """Images to features, halved after every level but the last.

    Attributes:
      widths: channels of each level.
      blocks: residual blocks of a level.
      attended: levels, by number, whose blocks are followed by attention.
      out: channels of the features.
    """

    widths: tuple[int, ...]
    blocks: int
    attended: tuple[int, ...]
    out: int
    conv: Makers
    norm: Makers
    dropout: float

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> Array:
        """[B, H, W, C] -> [B, h, w, out]."""
        block = functools.partial(ResidualBlock, conv=self.conv, norm=self.norm, dropout=self.dropout)
        attention = functools.partial(Attention, self.conv, self.norm)
        h = self.conv(self.widths[0], (3, 3), name="conv_in")(x)
        for level, ch in enumerate(self.widths):
            for index in range(self.blocks):
                h = block(ch, name=f"block_{level}_{index}")(h, train=train)
                h = attention(name=f"attention_{level}_{index}")(h) if level in self.attended else h
            if level < len(self.widths) - 1:
                # Zeros to the right and below alone.
                half = self.conv(ch, (3, 3), strides=(2, 2), padding=((0, 1), (0, 1)), name=f"half_{level}")
                h = shard_batch(half(h))
        h = _middle(h, block, attention, train=train)
        return self.conv(self.out, (3, 3), name=LAST)(nn.swish(self.norm(name="norm_out")(h)))


class Decoder(nn.Module):
    """Features to images, doubled before every level but the smallest; fields as :class:`Encoder`'s."""

    widths: tuple[int, ...]
    blocks: int
    attended: tuple[int, ...]
    out: int
    conv: Makers
    norm: Makers
    dropout: float

    def setup(self) -> None:
        """The last layer, which is also called by itself."""
        self.last = self.conv(self.out, (3, 3), name=LAST)
        self.before = _BeforeLast(self.widths, self.blocks, self.attended, self.conv, self.norm, self.dropout)

    def features(self, x: Array, *, train: bool) -> Array:
        """[B, h, w, C] -> what the last layer reads, [B, H, W, widths[0]]."""
        found: Array = self.before(x, train=train)
        return found

    def images(self, features: Array) -> Array:
        """The last layer: [B, H, W, widths[0]] -> [B, H, W, out] float32."""
        found: Array = self.last(features)
        return found.astype(jnp.float32)


class _BeforeLast(nn.Module):
    widths: tuple[int, ...]
    blocks: int
    attended: tuple[int, ...]
    conv: Makers
    norm: Makers
    dropout: float

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> Array:
        block = functools.partial(ResidualBlock, conv=self.conv, norm=self.norm, dropout=self.dropout)
        attention = functools.partial(Attention, self.conv, self.norm)
        h = self.conv(self.widths[-1], (3, 3), name="conv_in")(x)
        h = _middle(h, block, attention, train=train)
        for level in reversed(range(len(self.widths))):
            for index in range(self.blocks + 1):
                h = block(self.widths[level], name=f"block_{level}_{index}")(h, train=train)
                h = attention(name=f"attention_{level}_{index}")(h) if level in self.attended else h
            if level:
                double = self.conv(self.widths[level], (3, 3), name=f"double_{level}")
                h = shard_batch(double(layers.upsample_nearest(h)))
        return nn.swish(self.norm(name="norm_out")(h))


def _middle(h: Array, block: Makers, attention: Makers, *, train: bool) -> Array:
    h = block(h.shape[-1], name="middle_0")(h, train=train)
    return block(h.shape[-1], name="middle_1")(attention(name="middle_attention")(h), train=train)


class Autoencoder(nn.Module):
    """Images to one grid of codes and back.

    Attributes:
      image_channels: of images.
      ch, widths: channels, and their multiples, a level each; between two levels the side is halved.
      blocks: residual blocks of a level.
      attention: reductions of the side at whose maps attention follows each block.
      z_dim: channels of the encoder's features.
      codes, dim: K and D of the codebook.
      update, commitment, codebook, first_codes, decay, epsilon, restart: see
        :class:`jaxgan.nn.vector_quantizer.VectorQuantizer`.
      gumbel: codes are drawn of a distribution (:class:`jaxgan.nn.gumbel_quantizer.GumbelQuantizer`), with ``kl`` its
        weight, instead of being the nearest ones.
      kl: see there.
      groups: of the group norms, at most.
      dropout: share of hidden features that is dropped.
      The others: see :mod:`jaxgan.networks.common`.
    """

    image_channels: int = 3
    ch: int = 128
    widths: tuple[int, ...] = (1, 1, 2, 2, 4)
    blocks: int = 2
    attention: tuple[int, ...] = (16,)
    z_dim: int = 256
    codes: int = 1024
    dim: int = 256
    update: str = "gradient"
    commitment: float = 1.0
    codebook: float = 0.25
    first_codes: str = "reciprocal"
    decay: float = 0.99
    epsilon: float = 1e-5
    restart: float = 0.0
    gumbel: bool = False
    kl: float = 5e-4
    groups: int = 32
    dropout: float = 0.0
    spectral_norm: bool = False
    sn_eps: float = 1e-6
    weight_init: str = "orthogonal"
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    @property
    def multiple(self) -> int:
        """The number that sides must be multiples of."""
        return 2 ** (len(self.widths) - 1)

    @property
    def reductions(self) -> tuple[int, ...]:
        """Of each grid of codes, the side of an image over its own, from the bottom up: there is one."""
        return (self.multiple,)

    def setup(self) -> None:
        """Encoder, quantiser and decoder."""
        conv = functools.partial(layers.Conv, **weight_fields(self))
        widths = tuple(self.ch * multiple for multiple in self.widths)
        attended = tuple(level for level in range(len(widths)) if 2**level in self.attention)

        def norm(name: str) -> GroupNorm:
            return GroupNorm(self.groups, dtype=self.dtype, param_dtype=self.param_dtype, name=name)

        parts: dict[str, Any] = dict(conv=conv, norm=norm, dropout=self.dropout)
        self.encoder = Encoder(widths, self.blocks, attended, self.z_dim, **parts)
        self.decoder = Decoder(widths, self.blocks, attended, self.image_channels, **parts)
        self.to_code, self.from_code = conv(self.dim, (1, 1)), conv(self.z_dim, (1, 1))
        self.quantizer: Any = self._quantizer()

    def _quantizer(self) -> GumbelQuantizer | VectorQuantizer:
        if self.gumbel:
            return GumbelQuantizer(self.codes, self.dim, self.kl)
        return VectorQuantizer(
            self.codes, self.dim, self.update, self.commitment, self.decay, self.epsilon, self.restart,
            codebook=self.codebook, first_codes=self.first_codes,
        )  # fmt: skip

    def encode(self, images: Array, *, train: bool, temperature: Array | float = 1.0) -> list[Quantized]:
        """The codes of images [B, H, W, C] float in [-1, 1], one grid; ``temperature`` [] of codes that are drawn.

        Raises:
          ValueError: where a side is not a multiple of :attr:`multiple`.
        """
        if images.shape[1] % self.multiple or images.shape[2] % self.multiple:
            raise ValueError(
                f"{len(self.widths)} levels take sides in multiples of {self.multiple}, got "
                f"{images.shape[1]}x{images.shape[2]}"
            )
        h = self.encoder(shard_batch(images.astype(self.dtype)), train=train)
        if self.gumbel:
            return [self.quantizer(self.to_code(h), jnp.asarray(temperature, jnp.float32), train=train)]
        return [self.quantizer(self.to_code(h), train=train)]

    def features(
        self, images: Array, *, train: bool, temperature: Array | float = 1.0
    ) -> tuple[Array, list[Quantized]]:
        """``(what the last layer reads of images as they come back, what the quantiser gave)``."""
        found = self.encode(images, train=train, temperature=temperature)
        return self._before_last(found[0].vectors, train=train), found

    def images(self, features: Array, *, train: bool = False) -> Array:
        """The last layer, of :meth:`features`: images [B, H, W, C] float32."""
        del train
        return self.decoder.images(features)

    def decode(self, vectors: Sequence[Array]) -> Array:
        """Images [B, H, W, C] float32 of the grid's vectors [B, h, w, D]."""
        (grid,) = vectors
        return self.images(self._before_last(grid, train=False))

    def vectors(self, codes: Sequence[Array]) -> list[Array]:
        """The vectors of codes int [B, h, w]."""
        (grid,) = codes
        return [self.quantizer.vectors(grid)]

    def __call__(
        self, images: Array, *, train: bool, temperature: Array | float = 1.0
    ) -> tuple[Array, list[Quantized]]:
        """``(images as they come back, what the quantiser gave)``."""
        features, found = self.features(images, train=train, temperature=temperature)
        return self.images(features), found

    def _before_last(self, vectors: Array, *, train: bool) -> Array:
        return self.decoder.features(self.from_code(vectors.astype(self.dtype)), train=train)


class GroupNorm(nn.Module):
    """Normalises each image's channels in groups, of which there are ``groups`` or as many as channels."""

    groups: int
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """[B, H, W, C] -> the same shape."""
        count = min(self.groups, x.shape[-1])
        norm = nn.GroupNorm(count, epsilon=1e-6, dtype=self.dtype, param_dtype=self.param_dtype, name="norm")
        return jax.tree.map(shard_batch, norm(x))
