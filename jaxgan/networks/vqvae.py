"""VQ-VAE-2's autoencoder of one or more levels of codes (Razavi et al. 2019, arXiv:1906.00446, section 3.1; with one
level VQ-VAE, arXiv:1711.00937), in the layout of rosinality/vq-vae-2-pytorch.

The bottom level's codes lie at a quarter of the resolution, each further level's at half of those below it. Codes are
chosen from the top down: a level's are told what the ones above it decode to.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgan import nn as layers
from jaxgan.networks.common import weight_fields
from jaxgan.nn.fractional_conv import up_conv
from jaxgan.nn.vector_quantizer import Quantized, VectorQuantizer
from jaxgan.parallel import shard_batch

Makers = Callable[..., Any]


class ResidualBlock(nn.Module):
    """ReLU, 3x3, ReLU, 1x1, and the input added.

    Attributes:
      conv: ``conv(features, kernel_size, name=...)``.
      hidden: channels between the two.
    """

    conv: Makers
    hidden: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """[B, H, W, C] -> the same shape."""
        h = self.conv(self.hidden, (3, 3), name="conv_0")(nn.relu(x))
        return shard_batch(x + self.conv(x.shape[-1], (1, 1), name="conv_1")(nn.relu(h)))


class Halves(nn.Module):
    """Halvings by 4x4 convolutions, a 3x3 one, residual blocks, ReLU."""

    halvings: int
    ch: int
    blocks: int
    hidden: int
    conv: Makers

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """[B, H, W, C] -> [B, H / 2^halvings, W / 2^halvings, ch]."""
        h, widths = x, (self.ch // 2,) + (self.ch,) * (self.halvings - 1)
        for index, width in enumerate(widths):
            half = self.conv(width, (4, 4), strides=(2, 2), padding=((1, 1), (1, 1)), name=f"half_{index}")
            h = nn.relu(shard_batch(half(h)))
        h = self.conv(self.ch, (3, 3), name="conv")(h)
        for index in range(self.blocks):
            h = ResidualBlock(self.conv, self.hidden, name=f"block_{index}")(h)
        return nn.relu(h)


class Doubles(nn.Module):
    """A 3x3 convolution, residual blocks, ReLU, doublings by transposed 4x4 convolutions."""

    doublings: int
    out: int
    ch: int
    blocks: int
    hidden: int
    conv: Makers
    up: Makers

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """[B, H, W, C] -> [B, 2^doublings H, 2^doublings W, out]."""
        h = self.conv(self.ch, (3, 3), name="conv")(x)
        for index in range(self.blocks):
            h = ResidualBlock(self.conv, self.hidden, name=f"block_{index}")(h)
        h = nn.relu(h)
        for index in range(self.doublings - 1):
            h = nn.relu(shard_batch(self.up(self.ch // 2, 4, name=f"double_{index}")(h)))
        return shard_batch(self.up(self.out, 4, name=f"double_{self.doublings - 1}")(h))


class Autoencoder(nn.Module):
    """Images to codes and back.

    Attributes:
      image_channels: of images.
      levels: of codes, from the bottom up: 1 is VQ-VAE, 2 VQ-VAE-2's 256 pixels, 3 its 1024.
      ch: channels; the first halving and the last doubling have half of them.
      blocks, hidden: residual blocks of each encoder and decoder, and the channels within.
      codes, dim: K and D of each level's codebook.
      update, commitment, decay, epsilon, restart: see :class:`jaxgan.nn.vector_quantizer.VectorQuantizer`.
      The others: see :mod:`jaxgan.networks.common`.
    """

    image_channels: int = 3
    levels: int = 2
    ch: int = 128
    blocks: int = 2
    hidden: int = 32
    codes: int = 512
    dim: int = 64
    update: str = "average"
    commitment: float = 0.25
    decay: float = 0.99
    epsilon: float = 1e-5
    restart: float = 0.0
    spectral_norm: bool = False
    sn_eps: float = 1e-6
    weight_init: str = "orthogonal"
    resample: str = "auto"
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    @property
    def multiple(self) -> int:
        """The number that sides must be multiples of."""
        return 2 ** (self.levels + 1)

    @property
    def reductions(self) -> tuple[int, ...]:
        """Of each grid of codes, the side of an image over its own, from the bottom up."""
        return tuple(4 << level for level in range(self.levels))

    def setup(self) -> None:
        """Encoders, quantisers and decoders, by level."""
        fields = weight_fields(self)
        conv = functools.partial(layers.Conv, **fields)
        up = functools.partial(up_conv, resample=self.resample, **fields)
        inner: dict[str, Any] = dict(ch=self.ch, blocks=self.blocks, hidden=self.hidden, conv=conv)
        numbers = range(self.levels)
        book: dict[str, Any] = dict(
            size=self.codes, dim=self.dim, update=self.update, commitment=self.commitment, decay=self.decay,
            epsilon=self.epsilon, restart=self.restart,
        )  # fmt: skip
        self.encoders = [Halves(halvings=1 if n else 2, name=f"encoder_{n}", **inner) for n in numbers]
        self.to_code = [conv(self.dim, (1, 1), name=f"to_code_{n}") for n in numbers]
        self.quantizers = [VectorQuantizer(name=f"quantizer_{n}", **book) for n in numbers]
        outs = [(2, self.image_channels), *((1, self.dim) for _ in numbers[1:])]
        self.decoders = [
            Doubles(doublings=doublings, out=out, up=up, name=f"decoder_{n}", **inner)
            for n, (doublings, out) in enumerate(outs)
        ]
        # From each level to each one below it.
        self.ups = {
            f"{above}_{n}": up(self.dim, 4, name=f"up_{above}_{n}")
            for n in numbers
            for above in range(n + 1, self.levels)
        }

    def encode(self, images: Array, *, train: bool) -> list[Quantized]:
        """Each level's codes of images [B, H, W, C] float in [-1, 1], from the bottom up.

        Raises:
          ValueError: where a side is not a multiple of :attr:`multiple`.
        """
        if images.shape[1] % self.multiple or images.shape[2] % self.multiple:
            raise ValueError(
                f"{self.levels} levels of codes take sides in multiples of {self.multiple}, got "
                f"{images.shape[1]}x{images.shape[2]}"
            )
        h, features = shard_batch(images.astype(self.dtype)), []
        for encoder in self.encoders:
            h = encoder(h)
            features.append(h)
        found: list[Quantized] = []
        for level in reversed(range(self.levels)):
            h = features[level]
            if found:
                above = self._joined([q.vectors for q in found], level + 1)
                h = jnp.concatenate([self.decoders[level + 1](above), h], axis=-1)
            found.insert(0, self.quantizers[level](self.to_code[level](h), train=train))
        return found

    def decode(self, vectors: Sequence[Array]) -> Array:
        """Images [B, H, W, C] float32 of each level's vectors [B, h, w, D], from the bottom up."""
        return self.decoders[0](self._joined(vectors, 0)).astype(jnp.float32)

    def vectors(self, codes: Sequence[Array]) -> list[Array]:
        """The vectors of each level's codes int [B, h, w]."""
        return [quantizer.vectors(code) for quantizer, code in zip(self.quantizers, codes, strict=True)]

    def __call__(self, images: Array, *, train: bool) -> tuple[Array, list[Quantized]]:
        """``(images as they come back, what each level's quantiser gave)``."""
        found = self.encode(images, train=train)
        return self.decode([q.vectors for q in found]), found

    def _joined(self, vectors: Sequence[Array], level: int) -> Array:
        """The vectors of ``level`` and of those above it, which come last in ``vectors``, at its resolution."""
        own, *above = vectors[-(self.levels - level) :]
        held: list[Array] = []
        for number in reversed(range(len(above))):
            h = above[number]
            for below in reversed(range(level, level + number + 1)):
                h = self.ups[f"{level + number + 1}_{below}"](h)
            held.append(h)
        return jnp.concatenate([*held, own], axis=-1).astype(self.dtype)
