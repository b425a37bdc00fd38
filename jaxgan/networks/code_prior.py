"""Prior over a level of an autoencoder's codes, given those of the levels above (VQ-VAE-2: Razavi et al. 2019,
arXiv:1906.00446, section 3.2): a gated PixelCNN of codes, told of the ones above by residual blocks.
"""

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgan import nn as layers
from jaxgan.networks.common import weight_fields
from jaxgan.networks.pixelcnn import PixelCNN
from jaxgan.networks.vqvae import ResidualBlock
from jaxgan.parallel import shard_batch


class CodesAbove(nn.Module):
    """Features of the codes of all levels above, at a level's own resolution.

    Attributes:
      codes: of each level's codebook.
      ch: channels of the features, and numbers of a code's vector.
      blocks, hidden: residual blocks, and the channels within.
      The others: see :mod:`jaxgan.networks.common`.
    """

    codes: int = 512
    ch: int = 128
    blocks: int = 20
    hidden: int = 128
    spectral_norm: bool = False
    sn_eps: float = 1e-6
    weight_init: str = "orthogonal"
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, above: Sequence[Array], size: tuple[int, int]) -> Array:
        """[B, *size, ch] of codes int [B, h, w] each, whose sides divide ``size``."""
        conv = functools.partial(layers.Conv, **weight_fields(self))
        found = []
        for number, codes in enumerate(above):
            embed = nn.Embed(
                self.codes, self.ch, dtype=self.dtype, param_dtype=self.param_dtype, name=f"table_{number}"
            )
            found.append(_enlarged(embed(codes), size))
        h = shard_batch(conv(self.ch, (3, 3), name="conv")(jnp.concatenate(found, axis=-1)))
        for number in range(self.blocks):
            h = ResidualBlock(conv, self.hidden, name=f"block_{number}")(h)
        return nn.relu(h)


def _enlarged(x: Array, size: tuple[int, int]) -> Array:
    """[B, h, w, C] -> [B, *size, C], each vector repeated."""
    for axis, side in zip((1, 2), size):
        x = jnp.repeat(x, side // x.shape[axis], axis=axis)
    return x


class CodePrior(nn.Module):
    """The distribution of a grid of codes.

    Attributes:
      pixels: of the codes, with one channel.
      above: of the codes above; None at the top.
    """

    pixels: PixelCNN
    above: CodesAbove | None = None

    def __call__(self, codes: Array, labels: Array, above: Sequence[Array], *, train: bool) -> Array:
        """Logits [B, h, w, K] float32 of codes int [B, h, w], each given those before it, labels int [B] (not used
        without classes) and the codes ``above`` int [B, h', w'] each.
        """
        _, height, width = codes.shape
        context = self._context(above, (height, width))
        return self.pixels(codes[..., None], labels, context, train=train)[..., 0, :]

    def draw(
        self,
        keys: Array,
        labels: Array,
        size: tuple[int, int],
        temperature: Array,
        given: Array,
        above: Sequence[Array],
    ) -> Array:
        """Codes int32 [B, *size], drawn one by one; see :meth:`jaxgan.networks.pixelcnn.PixelCNN.draw`. ``given`` int
        [B, *size] are kept where they are not negative.
        """
        context = self._context(above, size)
        drawn: Array = self.pixels.draw(keys, labels, size, temperature, given[..., None], context)
        return drawn[..., 0]

    def _context(self, above: Sequence[Array], size: tuple[int, int]) -> Array | None:
        return None if self.above is None else jax.tree.map(shard_batch, self.above(above, size))
