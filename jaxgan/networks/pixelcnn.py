"""Gated PixelCNN: the distribution of each pixel given those before it, row by row (van den Oord et al. 2016,
arXiv:1606.05328; the first PixelCNN: arXiv:1601.06759).

Two stacks of convolutions, without masks: a kernel holds only what it may see. The vertical stack at row r sees the
rows above it; the horizontal one the pixels to the left in row r, and the vertical stack, so that there is no blind
spot. The channels of a pixel come one after another: the last layers are told the earlier ones (the paper splits the
hidden channels in three groups and masks them).

Options for levels that are codes of an autoencoder (Razavi et al. 2019, arXiv:1906.00446, section 3.2): codes come in
as vectors of a table, layers look at all earlier pixels by attention (as PixelSNAIL: arXiv:1712.09763), and each pixel
has a condition of its own.
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgan.networks.conditioning import class_weights
from jaxgan.networks.pixel_head import ChannelHead, draw_pixel
from jaxgan.nn.fused_attention import dot_product_attention
from jaxgan.parallel import shard_batch


def as_input(values: Array, levels: int) -> Array:
    """Levels int [...] in [0, levels) -> float32 in [-1, 1]."""
    return values.astype(jnp.float32) * (2 / (levels - 1)) - 1


def gated(x: Array) -> Array:
    """tanh of the first half of the channels times sigmoid of the second (eq. 2)."""
    first, second = jnp.split(x, 2, axis=-1)
    return jnp.tanh(first) * jax.nn.sigmoid(second)


def rows_above(x: Array, kernel: Array) -> Array:
    """A convolution of ``kernel`` [k, n, C, D] over [B, R, W, C], R = r + k - 1 rows, of which each output row sees k,
    and n columns, as many to the left as to the right: [B, r, W, D].
    """
    side = kernel.shape[1] // 2
    return _convolve(jnp.pad(x, ((0, 0), (0, 0), (side, side), (0, 0))), kernel)


def to_the_left(x: Array, kernel: Array) -> Array:
    """A convolution of ``kernel`` [k, C, D] over [B, H, W + k - 1, C] along the row: [B, H, W, D]."""
    return _convolve(x, kernel[None])


def _convolve(x: Array, kernel: Array) -> Array:
    return jax.lax.conv_general_dilated(x, kernel, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))


class PixelCNN(nn.Module):
    """Levels of pixels, and classes, to the logits of each.

    Attributes:
      levels: of a channel of a pixel: 2 for black and white, 256 for bytes.
      channels: of a pixel.
      num_classes: of the condition; 0 for none.
      ch: channels of both stacks.
      layers: gated layers after the first.
      kernel: side of the window, odd; the first layer's is ``first_kernel``.
      hidden: channels of the two last layers.
      embed: numbers of a level's vector, which are learnt: for levels that have no order; 0 takes levels as numbers.
      context: channels of the condition of each pixel; 0 for none.
      attention_every: after so many layers the horizontal stack looks at all earlier pixels; 0 for never.
      heads: of that attention.
      dropout: share of the gated features that are dropped before each layer's last product.
      dtype, param_dtype: of the computation and of the parameters.
    """

    levels: int = 2
    channels: int = 1
    num_classes: int = 0
    ch: int = 32
    layers: int = 7
    kernel: int = 3
    first_kernel: int = 7
    hidden: int = 32
    embed: int = 0
    context: int = 0
    attention_every: int = 0
    heads: int = 4
    dropout: float = 0.0
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    def setup(self) -> None:
        """The parameters, which both the parallel pass and the pixel by pixel one read."""
        if self.kernel % 2 == 0 or self.first_kernel % 2 == 0:
            raise ValueError(f"kernel={self.kernel}, first_kernel={self.first_kernel}: windows have odd sides")
        if self.attention_every and self.ch % self.heads:
            raise ValueError(f"ch={self.ch} is no multiple of heads={self.heads}")

        def weight(name: str, *shape: int) -> Array:
            init = nn.initializers.variance_scaling(1.0, "fan_in", "truncated_normal", in_axis=range(len(shape) - 1))
            return self.param(name, init, shape, self.param_dtype)

        def bias(name: str, size: int) -> Array:
            return self.param(name, nn.initializers.zeros, (size,), self.param_dtype)

        if self.embed:
            table = nn.initializers.normal(1.0)
            self.table = self.param("table", table, (self.levels, self.embed), self.param_dtype)
        two, width = 2 * self.ch, self.embed or 1
        stack: list[dict[str, Any]] = []
        for index in range(self.layers + 1):
            k, inputs = (self.first_kernel, self.channels * width) if index == 0 else (self.kernel, self.ch)
            # The first layer sees no pixel of its own row from above, and not itself from the left.
            own = 1 if index else 0
            stack.append(
                {
                    "above": weight(f"above_{index}", k // 2 + own, k, inputs, two),
                    "above_bias": bias(f"above_bias_{index}", two),
                    "left": weight(f"left_{index}", k // 2 + own, inputs, two),
                    "left_bias": bias(f"left_bias_{index}", two),
                    "across": weight(f"across_{index}", two, two),
                    "out": weight(f"out_{index}", self.ch, self.ch),
                    "class": weight(f"class_{index}", self.num_classes, 2 * two) if self.num_classes else None,
                    "context": weight(f"context_{index}", self.context, 2 * two) if self.context else None,
                }
            )
            if self._attends(index):
                # Where a pixel lies is told in two numbers.
                stack[-1]["query"] = weight(f"query_{index}", self.ch + 2, self.ch)
                stack[-1]["key_value"] = weight(f"key_value_{index}", self.ch + 2 + self.channels * width, two)
                stack[-1]["attended"] = weight(f"attended_{index}", self.ch, two)
        self.stack = stack
        self.head = ChannelHead(self.levels, self.channels, self.hidden, width, self.param_dtype)
        self.drop = nn.Dropout(self.dropout)

    def _attends(self, index: int) -> bool:
        """Whether attention follows layer ``index``, of which the first, 0, only begins the stacks."""
        return bool(self.attention_every) and index > 0 and index % self.attention_every == 0

    def _input(self, values: Array) -> Array:
        """Levels int [..., channels] as float32 [..., channels * (embed or 1)]."""
        if not self.embed:
            return as_input(values, self.levels)
        found = self.table.astype(jnp.float32)[values]
        return found.reshape(*values.shape[:-1], -1)

    def __call__(self, values: Array, labels: Array, context: Array | None = None, *, train: bool) -> Array:
        """All pixels at once.

        Args:
          values: int [B, H, W, channels] in [0, levels).
          labels: int [B], or float class weights [B, num_classes]; not used without classes.
          context: [B, H, W, context], where there is one.
          train: drops features, under the stream 'dropout'.

        Returns:
          [B, H, W, channels, levels] float32 logits, of each channel given all before it.
        """
        x = shard_batch(self._input(values).astype(self.dtype))
        above, left = x, x
        told = self._conditions(labels, context)
        for index, layer in enumerate(self.stack):
            k = layer["above"].shape[1]
            shift = k // 2
            v = jnp.pad(above, ((0, 0), (shift, 0), (0, 0), (0, 0)))
            v = rows_above(v, layer["above"])[:, : x.shape[1]] + _wide(layer["above_bias"], 4)
            h = jnp.pad(left, ((0, 0), (0, 0), (shift, 0), (0, 0)))
            h = to_the_left(h, layer["left"])[:, :, : x.shape[2]] + _wide(layer["left_bias"], 4)
            if told[index]:
                v, h = v + told[index][0], h + told[index][1]
            h = gated(h + v @ layer["across"])
            out = self.drop(h, deterministic=not train) @ layer["out"]
            above, left = shard_batch(gated(v)), shard_batch(out if index == 0 else left + out)
            if self._attends(index):
                left = shard_batch(left + self._attention(layer, left, x))
        return self.logits(left, values)

    def _conditions(self, labels: Array, context: Array | None) -> list[list[Array]]:
        """Terms of class and context of either stack, for each layer: twice [B, 1 or H, 1 or W, 2 ch]; empty where
        there is neither.
        """
        found: list[list[Array]] = []
        for layer in self.stack:
            parts = []
            if self.num_classes:
                parts.append((class_weights(labels, self.num_classes) @ layer["class"])[:, None, None])
            if self.context:
                parts.append(context @ layer["context"])
            found.append(jnp.split(sum(parts[1:], parts[0]), 2, axis=-1) if parts else [])
        return found

    def _attention(self, layer: dict[str, Any], left: Array, x: Array) -> Array:
        """Attention of each pixel over those up to it, whose features hold no pixel that it may not see, each with the
        input of the pixel before.
        """
        batch, height, width, _ = left.shape
        rows, columns = jnp.meshgrid(jnp.arange(height), jnp.arange(width), indexing="ij")
        placed = _placed(left, _places(rows, columns, (height, width)))
        flat = placed.reshape(batch, height * width, -1)
        before = jnp.pad(x.reshape(batch, height * width, -1), ((0, 0), (1, 0), (0, 0)))[:, :-1]
        query = self._in_heads(flat @ layer["query"])
        pairs = jnp.concatenate([flat, before], axis=-1) @ layer["key_value"]
        key, value = (self._in_heads(part) for part in jnp.split(pairs, 2, axis=-1))
        found = dot_product_attention(query, key, value, causal=True)
        return gated(found.reshape(batch, height, width, -1) @ layer["attended"])

    def _in_heads(self, x: Array) -> Array:
        return x.reshape(*x.shape[:-1], self.heads, self.ch // self.heads)

    def logits(self, features: Array, values: Array) -> Array:
        """[..., channels, levels] of features [..., ch] and the true or drawn levels [..., channels], of which a
        channel sees those before it.
        """
        found: Array = self.head(features, self._input(values))
        return found

    def draw(
        self,
        keys: Array,
        labels: Array,
        size: tuple[int, int],
        temperature: Array,
        given: Array,
        context: Array | None = None,
    ) -> Array:
        """Draws images pixel by pixel, computing of each layer only what the next pixel needs.

        A row's vertical stack is computed once, from as many rows as its kernels see; a pixel's horizontal stack from
        as many features to its left. The images are those that the parallel pass would give, one whole pass a pixel.

        Args:
          keys: [B], a row's own randomness.
          labels: as for calls.
          size: (height, width).
          temperature: [] that logits are divided by.
          given: int [B, H, W, channels], levels that are kept where they are not negative, as for completing an image.
          context: as for calls.

        Returns:
          int32 [B, H, W, channels].
        """
        (height, width), batch = size, keys.shape[0]
        told = self._conditions(labels, context)
        shifts = [layer["above"].shape[1] // 2 for layer in self.stack]
        inputs = [self.channels * (self.embed or 1)] + [self.ch] * self.layers
        # What each layer reads, padded above and to the left by zeros.
        above = [shard_batch(jnp.zeros((batch, height + shift, width, c))) for shift, c in zip(shifts, inputs)]
        image = shard_batch(jnp.zeros((batch, height, width, self.channels), jnp.int32))
        # Keys and values of all pixels so far, of each layer that attends.
        looked = [index for index in range(self.layers + 1) if self._attends(index)]
        seen_by = {index: shard_batch(jnp.zeros((batch, height * width, 2 * self.ch))) for index in looked}

        def pixel(carry: Any, column: Array) -> tuple[Any, None]:
            left, row, line, across, memory, before = carry
            place_of = _places(row, column, size)
            h = jnp.zeros((batch, self.ch))
            for index, layer in enumerate(self.stack):
                k = layer["left"].shape[0]
                seen = jax.lax.dynamic_slice_in_dim(left[index], column, k, axis=1)
                found = jnp.einsum("bkc,kcd->bd", seen, layer["left"]) + _wide(layer["left_bias"], 2)
                found = found + jax.lax.dynamic_index_in_dim(across[index], column, 1, keepdims=False)
                h = h + gated(found) @ layer["out"]
                if index in memory:
                    found, moved = self._attend_one(layer, h, place_of, before, row * width + column, memory[index])
                    h, memory = h + found, memory | {index: moved}
                if index < self.layers:
                    place = column + shifts[index + 1]
                    moved = jax.lax.dynamic_update_slice_in_dim(left[index + 1], h[:, None], place, axis=1)
                    left = [*left[: index + 1], moved, *left[index + 2 :]]
            drawn = draw_pixel(self.logits, keys, h, row * width + column, temperature, line[:, column])
            line = jax.lax.dynamic_update_slice_in_dim(line, drawn[:, None], column, axis=1)
            value = self._input(drawn)
            first = jax.lax.dynamic_update_slice_in_dim(left[0], value[:, None], column + shifts[0], axis=1)
            return ([first, *left[1:]], row, line, across, memory, value), None

        def line_of(carry: Any, row: Array) -> tuple[Any, None]:
            image, above, memory, before = carry
            across, below = [], list(above)
            for index, layer in enumerate(self.stack):
                k = layer["above"].shape[0]
                seen = jax.lax.dynamic_slice_in_dim(below[index], row, k, axis=1)
                v = _row_above(seen, layer["above"]) + _wide(layer["above_bias"], 3)
                own = [jax.lax.dynamic_index_in_dim(part, row, 1, keepdims=False) for part in told[index]]
                v = v + own[0] if own else v
                h = v @ layer["across"]
                across.append(h + own[1] if own else h)
                if index < self.layers:
                    place = row + shifts[index + 1]
                    below[index + 1] = jax.lax.dynamic_update_slice_in_dim(
                        below[index + 1], gated(v)[:, None], place, axis=1
                    )
            left = [shard_batch(jnp.zeros((batch, width + shift, c))) for shift, c in zip(shifts, inputs)]
            start = jax.lax.dynamic_index_in_dim(given, row, 1, keepdims=False)
            begin = (left, row, start, across, memory, before)
            (_, _, line, _, memory, before), _ = jax.lax.scan(pixel, begin, jnp.arange(width))
            image = jax.lax.dynamic_update_slice_in_dim(image, line[:, None], row, axis=1)
            values = self._input(line)[:, None]
            below[0] = jax.lax.dynamic_update_slice_in_dim(below[0], values, row + shifts[0], axis=1)
            return (image, below, memory, before), None

        nothing = shard_batch(jnp.zeros((batch, inputs[0])))
        (image, _, _, _), _ = jax.lax.scan(line_of, (image, above, seen_by, nothing), jnp.arange(height))
        return image

    def _attend_one(
        self, layer: dict[str, Any], h: Array, place_of: Array, before: Array, place: Array, memory: Array
    ) -> tuple[Array, Array]:
        """:meth:`_attention` of the pixel number ``place`` alone: ``(what it finds [B, ch], memory with its own)``."""
        placed = _placed(h, place_of)
        pair = jnp.concatenate([placed, before], axis=-1) @ layer["key_value"]
        memory = jax.lax.dynamic_update_slice_in_dim(memory, pair[:, None], place, axis=1)
        query = self._in_heads((placed @ layer["query"])[:, None])
        key, value = (self._in_heads(x) for x in jnp.split(memory, 2, axis=-1))
        mask = (jnp.arange(memory.shape[1]) <= place).reshape(1, 1, 1, -1)
        found = dot_product_attention(query, key, value, mask)
        return gated(found.reshape(h.shape[0], -1) @ layer["attended"]), memory


def _row_above(seen: Array, kernel: Array) -> Array:
    """:func:`rows_above` of one output row, as products: [B, k, W, C] -> [B, W, D]."""
    side, width = kernel.shape[1] // 2, seen.shape[2]
    padded = jnp.pad(seen, ((0, 0), (0, 0), (side, side), (0, 0)))
    parts = [
        jnp.einsum("bkwc,kcd->bwd", padded[:, :, column : column + width], kernel[:, column])
        for column in range(kernel.shape[1])
    ]
    return sum(parts[1:], parts[0])


def _wide(bias: Array, rank: int) -> Array:
    return bias.reshape((1,) * (rank - 1) + bias.shape)


def _places(row: Array, column: Array, size: tuple[int, int]) -> Array:
    """Rows and columns as two numbers in [-1, 1]: [..., 2]."""
    scaled = [2 * place / max(side - 1, 1) - 1 for place, side in zip((row, column), size)]
    return jnp.stack(scaled, axis=-1)


def _placed(x: Array, places: Array) -> Array:
    """``x`` [B, ..., C] with the two numbers of its places [..., 2]: [B, ..., C + 2]."""
    return jnp.concatenate([x, jnp.broadcast_to(places.astype(x.dtype)[None], (*x.shape[:-1], 2))], axis=-1)
