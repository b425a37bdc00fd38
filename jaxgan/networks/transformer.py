"""Transformer over tokens, each given those before it: GPT-2's layers (Radford et al. 2019; code karpathy/minGPT, as
CompVis/taming-transformers has it), with the sparse masks of DALL-E as an option (Ramesh et al. 2021, arXiv:2102.12092,
appendix B.1).

A sequence is a prefix (a class, a caption, a label map's ids) and then an image's tokens, row by row.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array

from jaxgan.nn.fused_attention import dot_product_attention
from jaxgan.parallel import shard_batch

MASKS = ("full", "row", "column", "convolution")


def layer_mask(kind: str, prefix: int, grid: tuple[int, int], window: int = 11) -> np.ndarray:
    """The earlier places that a place looks at: bool [L, L], L = prefix + h * w, of (place, looked at).

    The prefix is seen by all after it, in all kinds; a place sees itself.

    Args:
      kind: 'full'; 'row': of the image the last w places; 'column': those of its own column; 'convolution': a window of
        ``window`` x ``window`` around it.
      prefix: places before the image.
      grid: (h, w) of the image.
      window: odd.

    Raises:
      ValueError: on another kind.
    """
    if kind not in MASKS:
        raise ValueError(f"mask {kind!r}; choose from {', '.join(MASKS)}")
    height, width = grid
    length = prefix + height * width
    causal = np.tril(np.ones((length, length), bool))
    if kind == "full":
        return causal
    place = np.arange(height * width)
    row, column = place // width, place % width
    if kind == "row":
        near = place[:, None] - place[None] < width
    elif kind == "column":
        near = column[:, None] == column[None]
    else:
        half = window // 2
        near = (np.abs(row[:, None] - row[None]) <= half) & (np.abs(column[:, None] - column[None]) <= half)
    allowed = np.ones((length, length), bool)
    allowed[prefix:, prefix:] = near
    return causal & allowed


class Block(nn.Module):
    """Norm, attention, norm, two dense layers of GELU, each added to what came in.

    Attributes:
      dim: of a token's features.
      heads: of attention.
      dropout: share of what either part adds that is dropped.
      dtype, param_dtype: of the computation and of the parameters.
    """

    dim: int
    heads: int
    dropout: float = 0.0
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    def setup(self) -> None:
        """The layers, which both the parallel pass and the one token by token call."""
        types: dict[str, Any] = dict(dtype=self.dtype, param_dtype=self.param_dtype)
        weights = dict(kernel_init=nn.initializers.normal(0.02), **types)
        self.norm_0, self.norm_1 = (nn.LayerNorm(epsilon=1e-5, **types) for _ in range(2))
        self.query_key_value = nn.Dense(3 * self.dim, **weights)
        self.project = nn.Dense(self.dim, **weights)
        self.wide = nn.Dense(4 * self.dim, **weights)
        self.narrow = nn.Dense(self.dim, **weights)
        self.drop = nn.Dropout(self.dropout)

    def __call__(self, x: Array, mask: Array, *, train: bool) -> Array:
        """All tokens at once: [B, L, dim] -> the same shape, ``mask`` bool [L, L]."""
        query, key, value = self._heads(x)
        found = dot_product_attention(query, key, value, mask)
        return self._rest(x, found, train=train)

    def one(self, x: Array, memory: Array, place: Array, seen: Array) -> tuple[Array, Array]:
        """One token: [B, dim] at the number ``place``; ``memory`` [B, L, 2, heads, dim / heads] holds keys and values
        of those before, ``seen`` bool [L] what it looks at. Returns what comes out, and the memory with its own.
        """
        query, key, value = self._heads(x[:, None])
        own = jnp.stack([key, value], axis=2)
        memory = jax.lax.dynamic_update_slice_in_dim(memory, own, place, axis=1)
        found = dot_product_attention(query, memory[:, :, 0], memory[:, :, 1], seen[None])
        return self._rest(x[:, None], found, train=False)[:, 0], memory

    def _heads(self, x: Array) -> list[Array]:
        made = self.query_key_value(self.norm_0(x))
        return [part.reshape(*x.shape[:2], self.heads, -1) for part in jnp.split(made, 3, axis=-1)]

    def _rest(self, x: Array, found: Array, *, train: bool) -> Array:
        x = x + self.drop(self.project(found.reshape(x.shape)), deterministic=not train)
        h = self.narrow(nn.gelu(self.wide(self.norm_1(x)), approximate=False))
        return shard_batch(x + self.drop(h, deterministic=not train))


class Transformer(nn.Module):
    """Tokens to the logits of each.

    Attributes:
      vocabulary: tokens that there are, those of the prefix included.
      prefix: places before the image, of which at least one: what says that a sequence begins.
      grid: (h, w) of the image's tokens.
      layers, heads, dim: of the blocks.
      masks: of the layers, one after another and again from the first; see :func:`layer_mask`.
      window: of the mask 'convolution', odd.
      dropout: of the tokens' vectors and within blocks.
      dtype, param_dtype: of the computation and of the parameters.
    """

    vocabulary: int
    prefix: int
    grid: tuple[int, int]
    layers: int = 24
    heads: int = 16
    dim: int = 1024
    masks: tuple[str, ...] = ("full",)
    window: int = 11
    dropout: float = 0.0
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    @property
    def length(self) -> int:
        """Places of a whole sequence."""
        return self.prefix + self.grid[0] * self.grid[1]

    def setup(self) -> None:
        """Tables, blocks and the last layer."""
        if self.prefix < 1:
            raise ValueError(f"prefix={self.prefix}: give at least 1, for the token that a sequence begins with")
        if self.dim % self.heads:
            raise ValueError(f"dim={self.dim} is no multiple of heads={self.heads}")
        types: dict[str, Any] = dict(dtype=self.dtype, param_dtype=self.param_dtype)
        self.tokens = nn.Embed(self.vocabulary, self.dim, embedding_init=nn.initializers.normal(0.02), **types)
        # The last token is predicted and never read.
        self.places = self.param("places", nn.initializers.zeros, (self.length - 1, self.dim), self.param_dtype)
        self.blocks = [Block(self.dim, self.heads, self.dropout, **types) for _ in range(self.layers)]
        self.norm = nn.LayerNorm(epsilon=1e-5, **types)
        weights = dict(kernel_init=nn.initializers.normal(0.02), **types)
        self.to_logits = nn.Dense(self.vocabulary, use_bias=False, **weights)
        self.drop = nn.Dropout(self.dropout)

    def _mask(self, layer: int) -> np.ndarray:
        kind = self.masks[layer % len(self.masks)]
        return layer_mask(kind, self.prefix, self.grid, self.window)[:-1, :-1]

    def __call__(self, tokens: Array, *, train: bool) -> Array:
        """All tokens at once.

        Args:
          tokens: int [B, L]; the last one is not read.
          train: drops features, under the stream 'dropout'.

        Returns:
          [B, L - 1, vocabulary] float32 logits, of each token after the first.

        Raises:
          ValueError: where there are more or fewer than ``length``.
        """
        return self.to_logits(self._features(tokens, train=train)).astype(jnp.float32)

    def logits_at(self, tokens: Array, place: Array, *, train: bool) -> Array:
        """The logits [B, vocabulary] of the token number ``place`` [] > 0 alone, given those before it."""
        features = self._features(tokens, train=train)
        own = jax.lax.dynamic_index_in_dim(features, place - 1, 1, keepdims=False)
        return self.to_logits(own).astype(jnp.float32)

    def _features(self, tokens: Array, *, train: bool) -> Array:
        if tokens.shape[1] != self.length:
            raise ValueError(
                f"a sequence of prefix={self.prefix} and grid={self.grid} has {self.length} tokens, got "
                f"{tokens.shape[1]}"
            )
        x = self.tokens(tokens[:, :-1]) + self.places.astype(self.dtype)[None]
        x = self.drop(shard_batch(x), deterministic=not train)
        for layer, block in enumerate(self.blocks):
            x = block(x, jnp.asarray(self._mask(layer)), train=train)
        found: Array = self.norm(x)
        return found

    def draw(self, keys: Array, given: Array, choose: Any) -> Array:
        """Draws token by token, with the keys and values of all before in memory: as the parallel pass would give, one
        whole pass a token.

        Args:
          keys: [B], a row's own randomness.
          given: int [B, L], tokens that are kept where they are not negative; those of the prefix are.
          choose: (keys [B], logits [B, vocabulary], place []) -> tokens int [B], such as at a temperature.

        Returns:
          int32 [B, L].
        """
        rows, head = given.shape[0], self.dim // self.heads
        empty = shard_batch(jnp.zeros((rows, self.length - 1, 2, self.heads, head), self.dtype))
        masks = [jnp.asarray(self._mask(layer)) for layer in range(self.layers)]

        def place(carry: Any, number: Array) -> tuple[Any, Array]:
            token, memories = carry
            x = self.tokens(token) + jax.lax.dynamic_index_in_dim(self.places, number, 0)
            x, kept = x.astype(self.dtype), []
            for block, mask, memory in zip(self.blocks, masks, memories):
                seen = jax.lax.dynamic_index_in_dim(mask, number, 0, keepdims=False)
                x, memory = block.one(x, memory, number, seen)
                kept.append(memory)
            logits = self.to_logits(self.norm(x)).astype(jnp.float32)
            own = jax.vmap(lambda key: jax.random.fold_in(key, number))(keys)
            drawn = choose(own, logits, number + 1).astype(jnp.int32)
            known = jax.lax.dynamic_index_in_dim(given, number + 1, 1, keepdims=False)
            token = jnp.where(known < 0, drawn, known)
            return (token, kept), token

        begin = (given[:, 0].astype(jnp.int32), [empty] * self.layers)
        _, drawn = jax.lax.scan(place, begin, jnp.arange(self.length - 1))
        return jnp.concatenate([given[:, :1].astype(jnp.int32), drawn.T], axis=1)


def choose_token(
    keys: Array, logits: Array, *, temperature: Array, top_k: Array, top_p: Array, first: Array, end: Array
) -> Array:
    """Tokens int [B], drawn of ``logits`` [B, V].

    Args:
      keys: [B].
      logits: of all tokens.
      temperature: [] that logits are divided by.
      top_k: [] int: only the so many likeliest; 0 for all.
      top_p: []: only the likeliest whose probabilities, before the last of them, sum to less (Holtzman et al. 2020,
        arXiv:1904.09751); 1 for all.
      first, end: [] int: only tokens from ``first`` up to, not with, ``end``.
    """
    token = jnp.arange(logits.shape[-1])[None]
    scaled = jnp.where((token >= first) & (token < end), logits / temperature, -jnp.inf)
    ordered = jnp.sort(scaled, axis=-1)[:, ::-1]
    rank = jnp.where(top_k > 0, jnp.minimum(top_k, logits.shape[-1]), logits.shape[-1]) - 1
    least_k = jnp.take_along_axis(ordered, jnp.full((ordered.shape[0], 1), rank), axis=-1)
    shares = jax.nn.softmax(ordered, axis=-1)
    kept = (jnp.cumsum(shares, axis=-1) - shares < top_p).at[:, 0].set(True)
    least_p = jnp.where(kept, ordered, jnp.inf).min(-1, keepdims=True)
    least = jnp.maximum(least_k, least_p)
    drawn: Array = jax.vmap(jax.random.categorical)(keys, jnp.where(scaled >= least, scaled, -jnp.inf))
    return drawn
