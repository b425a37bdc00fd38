"""dVAE: DALL-E's autoencoder of discrete codes (Ramesh et al. 2021, arXiv:2102.12092, appendix A.1; code
openai/DALL-E).

Four groups of residual blocks without norms; max-pooling, or nearest enlargement, between them.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgan import nn as layers
from jaxgan.networks.common import weight_fields
from jaxgan.parallel import shard_batch

Makers = Callable[..., Any]
GROUPS = 4
ENCODER_KERNELS, DECODER_KERNELS = (3, 3, 3, 1), (1, 3, 3, 3)


class Block(nn.Module):
    """Four convolutions, each after a ReLU, times ``gain``, and the input added, by a 1x1 where the channels differ.

    Attributes:
      ch: channels of the output; within, a quarter.
      kernels: sides of the four.
      gain: of what is added.
      conv: ``conv(features, kernel_size, name=...)``.
    """

    ch: int
    kernels: tuple[int, ...]
    gain: float
    conv: Makers

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """[B, H, W, C] -> [B, H, W, ch]."""
        h = x
        for index, side in enumerate(self.kernels):
            last = index == len(self.kernels) - 1
            h = self.conv(self.ch if last else self.ch // 4, (side, side), name=f"conv_{index}")(nn.relu(h))
        skip = x if x.shape[-1] == self.ch else self.conv(self.ch, (1, 1), name="skip")(x)
        return shard_batch(skip + self.gain * h)


class Autoencoder(nn.Module):
    """Images to logits of codes at an eighth of the side, and codes to what pixels are like.

    Attributes:
      image_channels: of images.
      ch: channels of the encoder's first group and of the decoder's last one; the others have 2, 4 and 8 times as many.
      blocks: of a group.
      codes: that there are.
      first: channels that the decoder makes of codes.
      kernel: side of the encoder's first convolution.
      The others: see :mod:`jaxgan.networks.common`.
    """

    image_channels: int = 3
    ch: int = 256
    blocks: int = 2
    codes: int = 8192
    first: int = 128
    kernel: int = 7
    spectral_norm: bool = False
    sn_eps: float = 1e-6
    weight_init: str = "fan_in"
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    @property
    def multiple(self) -> int:
        """The number that sides must be multiples of."""
        return 2 ** (GROUPS - 1)

    @property
    def reductions(self) -> tuple[int, ...]:
        """The side of an image over that of its codes."""
        return (self.multiple,)

    def setup(self) -> None:
        """Encoder and decoder."""
        conv = functools.partial(layers.Conv, **weight_fields(self))
        widths = tuple(self.ch * 2**group for group in range(GROUPS))
        shared: dict[str, Any] = dict(blocks=self.blocks, conv=conv, dtype=self.dtype)
        self.encoder = Groups(
            first=(self.ch, self.kernel), widths=widths, out=self.codes, kernels=ENCODER_KERNELS,
            resample=layers.max_pool, **shared,
        )  # fmt: skip
        self.decoder = Groups(
            first=(self.first, 1), widths=widths[::-1], out=2 * self.image_channels, kernels=DECODER_KERNELS,
            resample=layers.upsample_nearest, **shared,
        )  # fmt: skip

    def logits(self, images: Array) -> Array:
        """[B, H / 8, W / 8, codes] float32 of images [B, H, W, C] float in (0, 1).

        Raises:
          ValueError: where a side is not a multiple of 8.
        """
        if images.shape[1] % self.multiple or images.shape[2] % self.multiple:
            raise ValueError(
                f"the dVAE takes sides in multiples of {self.multiple}, got {images.shape[1]}x{images.shape[2]}"
            )
        found: Array = self.encoder(shard_batch(images.astype(self.dtype)))
        return found.astype(jnp.float32)

    def pixels(self, shares: Array) -> tuple[Array, Array]:
        """``(mean, log scale)`` of the logits of pixels, [B, H, W, C] float32, of codes as shares [B, h, w, codes] that
        sum to 1: one-hot, or relaxed.
        """
        found: Array = self.decoder(shard_batch(shares.astype(self.dtype))).astype(jnp.float32)
        mean, log_scale = jnp.split(found, 2, axis=-1)
        return mean, log_scale

    def __call__(self, images: Array, *, train: bool) -> tuple[Array, tuple[Array, Array]]:
        """The logits, and the pixels of their softmax: for initialising both halves."""
        del train
        logits = self.logits(images)
        return logits, self.pixels(nn.softmax(logits))


class Groups(nn.Module):
    """A convolution, groups of blocks with a change of resolution between two, a ReLU and a 1x1: the encoder, or the
    decoder. The first and the last layer are float32, whatever the others are.

    Attributes:
      first: channels and side of the first convolution.
      widths: channels of each group.
      out: channels of the output.
      blocks, kernels: of each group, and see :class:`Block`.
      resample: between two groups.
      conv: ``conv(features, kernel_size, name=...)``.
      dtype: of the blocks.
    """

    first: tuple[int, int]
    widths: tuple[int, ...]
    out: int
    blocks: int
    kernels: tuple[int, ...]
    resample: Makers
    conv: Makers
    dtype: Any

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """[B, H, W, C] -> [B, h, w, out]."""
        outer = functools.partial(self.conv, dtype=jnp.float32)
        gain = 1 / (len(self.widths) * self.blocks) ** 2
        features, side = self.first
        h = outer(features, (side, side), name="first")(x).astype(self.dtype)
        for group, ch in enumerate(self.widths):
            h = self.resample(h) if group else h
            for index in range(self.blocks):
                h = Block(ch, self.kernels, gain, self.conv, name=f"block_{group}_{index}")(h)
        return outer(self.out, (1, 1), name="last")(nn.relu(h))
