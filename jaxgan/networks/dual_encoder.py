"""CLIP at a small scale: a convolutional encoder of images and a transformer of captions into one space (Radford et al.
2021, arXiv:2103.00020, section 2.4).
"""

import math
from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgan import nn as layers
from jaxgan.networks.common import weight_fields
from jaxgan.networks.transformer import Block
from jaxgan.parallel import shard_batch

# Where the scale of similarities begins, and the largest that it may become (section 2.5).
FIRST_SCALE, MOST_SCALE = 1 / 0.07, 100.0


class ImageEncoder(nn.Module):
    """Halvings by 3x3 convolutions with layer norms, a mean over places, a dense layer.

    Attributes:
      ch: channels of the first halving, doubled up to eight times as many.
      halvings: of the side.
      dim: of the shared space.
      The others: see :mod:`jaxgan.networks.common`.
    """

    ch: int = 64
    halvings: int = 4
    dim: int = 256
    dropout: float = 0.0
    spectral_norm: bool = False
    sn_eps: float = 1e-6
    weight_init: str = "orthogonal"
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, images: Array, *, train: bool) -> Array:
        """Images [B, H, W, C] float in [-1, 1] -> [B, dim] float32."""
        fields = weight_fields(self)
        h = shard_batch(images.astype(self.dtype))
        for index in range(self.halvings):
            conv = layers.Conv(self.ch * min(2**index, 8), (3, 3), strides=(2, 2), name=f"conv_{index}", **fields)
            norm = nn.LayerNorm(dtype=self.dtype, param_dtype=self.param_dtype, name=f"norm_{index}")
            h = shard_batch(nn.gelu(norm(conv(h))))
        h = nn.Dropout(self.dropout)(h.mean((1, 2)), deterministic=not train)
        found: Array = layers.Dense(self.dim, name="project", **fields)(h)
        return found.astype(jnp.float32)


class TextEncoder(nn.Module):
    """A transformer over a caption's tokens, whose last place, which sees all, is the caption's.

    Attributes:
      vocabulary: of tokens, paddings included.
      length: of captions.
      layers, heads, width: of the blocks.
      dim: of the shared space.
      dropout: see :class:`jaxgan.networks.transformer.Block`.
      dtype, param_dtype: of the computation and of the parameters.
    """

    vocabulary: int
    length: int
    layers: int = 4
    heads: int = 4
    width: int = 256
    dim: int = 256
    dropout: float = 0.0
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, tokens: Array, *, train: bool) -> Array:
        """Tokens int [B, length] -> [B, dim] float32."""
        types: dict[str, Any] = dict(dtype=self.dtype, param_dtype=self.param_dtype)
        embed = nn.Embed(
            self.vocabulary, self.width, embedding_init=nn.initializers.normal(0.02), name="tokens", **types
        )
        places = self.param("places", nn.initializers.normal(0.01), (self.length, self.width), self.param_dtype)
        x = shard_batch(embed(tokens) + places.astype(self.dtype)[None])
        causal = jnp.tril(jnp.ones((self.length, self.length), bool))
        for index in range(self.layers):
            x = Block(self.width, self.heads, self.dropout, name=f"block_{index}", **types)(x, causal, train=train)
        last = nn.LayerNorm(name="norm", **types)(x[:, -1])
        found: Array = nn.Dense(self.dim, use_bias=False, name="project", **types)(last)
        return found.astype(jnp.float32)


class DualEncoder(nn.Module):
    """Both encoders, and the scale of their similarities.

    Attributes:
      image: of images.
      text: of captions.
    """

    image: ImageEncoder
    text: TextEncoder

    def setup(self) -> None:
        """The scale's logarithm."""
        self.log_scale = self.param("log_scale", nn.initializers.constant(math.log(FIRST_SCALE)), ())

    def __call__(self, images: Array, tokens: Array, *, train: bool) -> tuple[Array, Array, Array]:
        """``(directions of images [B, dim], directions of captions [B, dim], scale [])``, directions of length 1."""
        scale = jnp.minimum(jnp.exp(self.log_scale), MOST_SCALE)
        return _direction(self.image(images, train=train)), _direction(self.text(tokens, train=train)), scale


def _direction(x: Array) -> Array:
    return x / jnp.maximum(jnp.linalg.norm(x, axis=-1, keepdims=True), 1e-6)
