"""PixelRNN: each pixel given those before it, by layers of LSTMs over rows or diagonals (van den Oord et al. 2016,
arXiv:1601.06759, sections 3.1 and 3.2).

The first layer is a window that sees the pixels before each, without masks: a kernel holds only what it may see. The
channels of a pixel come one after another in the last layers; see :mod:`jaxgan.networks.pixel_head`.
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgan.networks.common import check_choice
from jaxgan.networks.conditioning import class_weights
from jaxgan.networks.pixel_head import ChannelHead, draw_pixel
from jaxgan.networks.pixelcnn import as_input, rows_above, to_the_left
from jaxgan.parallel import shard_batch

KINDS = ("row", "diagonal")


def lstm(gates: Array, cell: Array) -> tuple[Array, Array]:
    """Output, forget, input and content gates [..., 4 h] and the cell [..., h] -> ``(features, cell)`` (eq. 3)."""
    out, forget, take, content = jnp.split(gates, 4, axis=-1)
    cell = jax.nn.sigmoid(forget) * cell + jax.nn.sigmoid(take) * jnp.tanh(content)
    return jax.nn.sigmoid(out) * jnp.tanh(cell), cell


class PixelRNN(nn.Module):
    """Levels of pixels, and classes, to the logits of each.

    Attributes:
      levels: of a channel of a pixel: 2 for black and white, 256 for bytes.
      channels: of a pixel.
      num_classes: of the condition; 0 for none.
      kind: 'row' (Row LSTM: a window of three places in the row above) or 'diagonal' (Diagonal BiLSTM: all pixels
        before; the last of a row, which no feature of its row holds, is seen by all of the second row below, and by the
        next one within the first layer's window).
      ch: h, of each LSTM; between layers there are 2 h.
      layers: LSTM layers.
      first_kernel: side of the first layer's window, odd.
      hidden: channels of the two last layers.
      dtype, param_dtype: of the computation and of the parameters.
    """

    levels: int = 2
    channels: int = 1
    num_classes: int = 0
    kind: str = "diagonal"
    ch: int = 16
    layers: int = 7
    first_kernel: int = 7
    hidden: int = 32
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    def setup(self) -> None:
        """The parameters, which both the parallel pass and the pixel by pixel one read."""
        check_choice("kind", self.kind, KINDS)
        if self.first_kernel % 2 == 0:
            raise ValueError(f"first_kernel={self.first_kernel}: windows have odd sides")

        def weight(name: str, *shape: int) -> Array:
            init = nn.initializers.variance_scaling(1.0, "fan_in", "truncated_normal", in_axis=range(len(shape) - 1))
            return self.param(name, init, shape, self.param_dtype)

        def bias(name: str, size: int) -> Array:
            return self.param(name, nn.initializers.zeros, (size,), self.param_dtype)

        two, four, side = 2 * self.ch, 4 * self.ch, self.first_kernel
        self.above = weight("above", side // 2, side, self.channels, two)
        self.left = weight("left", side // 2, self.channels, two)
        self.first_bias = bias("first_bias", two)
        self.classes = weight("class", self.num_classes, two) if self.num_classes else None
        # Input to state, and state to state, of each direction.
        ways, inputs, states = (1, 2, 3) if self.kind == "row" else (2, 1, 2)
        stack: list[dict[str, Any]] = [
            {
                "ways": [
                    {
                        "input": weight(f"input_{index}_{way}", inputs, two, four),
                        "state": weight(f"state_{index}_{way}", states, self.ch, four),
                        "bias": bias(f"bias_{index}_{way}", four),
                    }
                    for way in range(ways)
                ],
                "out": weight(f"out_{index}", self.ch, two),
                "out_bias": bias(f"out_bias_{index}", two),
            }
            for index in range(self.layers)
        ]
        self.stack = stack
        self.head = ChannelHead(self.levels, self.channels, self.hidden, 1, self.param_dtype)

    def __call__(self, values: Array, labels: Array, *, train: bool) -> Array:
        """All pixels at once.

        Args:
          values: int [B, H, W, channels] in [0, levels).
          labels: int [B], or float class weights [B, num_classes]; not used without classes.
          train: not used.

        Returns:
          [B, H, W, channels, levels] float32 logits, of each channel given all before it.
        """
        x = shard_batch(as_input(values, self.levels).astype(self.dtype))
        reach = self.first_kernel // 2
        above = rows_above(jnp.pad(x, ((0, 0), (reach, 0), (0, 0), (0, 0))), self.above)[:, : x.shape[1]]
        left = to_the_left(jnp.pad(x, ((0, 0), (0, 0), (reach, 0), (0, 0))), self.left)[:, :, : x.shape[2]]
        features = shard_batch(above + left + self._told(labels)[:, None, None])
        layer_of = self._row_layer if self.kind == "row" else self._diagonal_layer
        for layer in self.stack:
            features = shard_batch(features + layer_of(layer, features) @ layer["out"] + _wide(layer["out_bias"], 4))
        return self.logits(features, values)

    def _told(self, labels: Array) -> Array:
        """Terms of all pixels: [B or 1, 2 h]."""
        told = self.first_bias[None]
        return told if self.classes is None else told + class_weights(labels, self.num_classes) @ self.classes

    def logits(self, features: Array, values: Array) -> Array:
        """[..., channels, levels] of features [..., 2 h] and the true or drawn levels [..., channels], of which a
        channel sees those before it.
        """
        found: Array = self.head(features, as_input(values, self.levels))
        return found

    def _row_layer(self, layer: dict[str, Any], x: Array) -> Array:
        """Features [B, H, W, 2 h] -> [B, H, W, h], row by row from the top."""
        (way,) = layer["ways"]
        before = jnp.pad(x, ((0, 0), (0, 0), (1, 0), (0, 0)))[:, :, :-1]
        given = before @ way["input"][0] + x @ way["input"][1] + _wide(way["bias"], 4)

        def row(carry: tuple[Array, Array], gates: Array) -> tuple[tuple[Array, Array], Array]:
            h, cell = lstm(gates + _of_row_above(carry[0], way["state"]), carry[1])
            return (h, cell), h

        zeros = jnp.zeros((x.shape[0], x.shape[2], self.ch), x.dtype)
        _, found = jax.lax.scan(row, (zeros, zeros), jnp.moveaxis(given, 1, 0))
        return jnp.moveaxis(found, 0, 1)

    def _diagonal_layer(self, layer: dict[str, Any], x: Array) -> Array:
        """Features [B, H, W, 2 h] -> [B, H, W, h], diagonal by diagonal, from the upper left and from the upper right,
        the latter a row lower so that no pixel sees itself (figure 3).
        """
        one, other = layer["ways"]
        right = self._diagonals(other, x[:, :, ::-1])[:, :, ::-1]
        return self._diagonals(one, x) + jnp.pad(right, ((0, 0), (1, 0), (0, 0), (0, 0)))[:, :-1]

    def _diagonals(self, way: dict[str, Any], x: Array) -> Array:
        _, height, width, _ = x.shape
        given = x @ way["input"][0] + _wide(way["bias"], 4)
        rows, count = jnp.arange(height), height + width - 1
        # Row i of diagonal d is the column d - i, where there is one.
        columns = jnp.arange(count)[:, None] - rows[None]
        there = (columns >= 0) & (columns < width)
        skewed = given[:, rows[None], jnp.clip(columns, 0, width - 1)]

        def diagonal(carry: tuple[Array, Array], one: tuple[Array, Array]) -> tuple[tuple[Array, Array], Array]:
            gates, held = one
            h, cell = carry
            upper = jnp.pad(h, ((0, 0), (1, 0), (0, 0)))[:, :-1]
            h, cell = lstm(gates + h @ way["state"][0] + upper @ way["state"][1], cell)
            kept = held.reshape(1, -1, 1)
            return (jnp.where(kept, h, 0), jnp.where(kept, cell, 0)), h

        zeros = jnp.zeros((x.shape[0], height, self.ch), x.dtype)
        _, found = jax.lax.scan(diagonal, (zeros, zeros), (jnp.moveaxis(skewed, 1, 0), there))
        places = rows[:, None] + jnp.arange(width)[None]
        return jnp.moveaxis(found, 0, 1)[:, places, rows[:, None]]

    def draw(self, keys: Array, labels: Array, size: tuple[int, int], temperature: Array, given: Array) -> Array:
        """Draws images pixel by pixel, computing of each layer only what the next pixel needs; arguments and result as
        of :meth:`jaxgan.networks.pixelcnn.PixelCNN.draw`.
        """
        (height, width), batch, reach = size, keys.shape[0], self.first_kernel // 2
        told = self._told(labels)
        row_of = self._begin_row if self.kind == "row" else self._begin_diagonal_row

        def nothing(channels: int) -> Array:
            return shard_batch(jnp.zeros((batch, width, channels)))

        # Of the row before: each layer's features, states and cells, and of the diagonals the states from the right.
        memory = [
            {"x": nothing(2 * self.ch), "h": nothing(self.ch), "cell": nothing(self.ch), "right": nothing(self.ch)}
            for _ in self.stack
        ]

        def line_of(carry: Any, row: Array) -> tuple[Any, None]:
            image, seen, memory = carry
            window = jax.lax.dynamic_slice_in_dim(seen, row, reach, axis=1)
            above = rows_above(window, self.above)[:, 0] + told[:, None]
            begun = [row_of(layer, kept, row) for layer, kept in zip(self.stack, memory)]
            fresh = [{name: jnp.zeros_like(value) for name, value in kept.items()} for kept in memory]
            for new, (_, right) in zip(fresh, begun):
                new["right"] = right

            def pixel(carry: Any, column: Array) -> tuple[Any, None]:
                line, values, last, new = carry
                window = jax.lax.dynamic_slice_in_dim(values, column, reach, axis=1)
                x = jnp.einsum("bkc,kcd->bd", window, self.left) + _at(above, column)
                kept: list[Any] = []
                for layer, (gates, right), before, old in zip(self.stack, begun, last, new):
                    h, cell, shown = self._one(layer, x, _at(gates, column), _at(right, column), before)
                    placed = {"x": x, "h": h, "cell": cell}
                    old = old | {
                        name: jax.lax.dynamic_update_slice_in_dim(old[name], value[:, None], column, axis=1)
                        for name, value in placed.items()
                    }
                    kept.append((placed, old))
                    x = x + shown @ layer["out"] + _wide(layer["out_bias"], 2)
                drawn = draw_pixel(self.logits, keys, x, row * width + column, temperature, line[:, column])
                line = jax.lax.dynamic_update_slice_in_dim(line, drawn[:, None], column, axis=1)
                own = as_input(drawn, self.levels)[:, None]
                values = jax.lax.dynamic_update_slice_in_dim(values, own, column + reach, axis=1)
                return (line, values, [placed for placed, _ in kept], [old for _, old in kept]), None

            first = [
                {"x": jnp.zeros((batch, 2 * self.ch)), **{n: jnp.zeros((batch, self.ch)) for n in ("h", "cell")}}
                for _ in self.stack
            ]
            # Row LSTMs take their cell from the row above, diagonal ones from the left.
            upper = [kept["cell"] for kept in memory]
            values = jnp.zeros((batch, width + reach, self.channels))
            start = jax.lax.dynamic_index_in_dim(given, row, 1, keepdims=False)
            begun = [(gates, right if self.kind == "diagonal" else cell) for (gates, right), cell in zip(begun, upper)]
            (line, _, _, memory), _ = jax.lax.scan(pixel, (start, values, first, fresh), jnp.arange(width))
            image = jax.lax.dynamic_update_slice_in_dim(image, line[:, None], row, axis=1)
            own = as_input(line, self.levels)[:, None]
            seen = jax.lax.dynamic_update_slice_in_dim(seen, own, row + reach, axis=1)
            return (image, seen, memory), None

        image = shard_batch(jnp.zeros((batch, height, width, self.channels), jnp.int32))
        seen = shard_batch(jnp.zeros((batch, height + reach, width, self.channels)))
        (image, _, _), _ = jax.lax.scan(line_of, (image, seen, memory), jnp.arange(height))
        return image

    def _begin_row(self, layer: dict[str, Any], kept: dict[str, Array], row: Array) -> tuple[Array, Array]:
        """A row's gates, of the row above: ``([B, W, 4 h], nothing)``."""
        del row
        (way,) = layer["ways"]
        return _of_row_above(kept["h"], way["state"]) + _wide(way["bias"], 3), jnp.zeros_like(kept["right"])

    def _begin_diagonal_row(self, layer: dict[str, Any], kept: dict[str, Array], row: Array) -> tuple[Array, Array]:
        """A row's gates, of the row above, and the states from the right of that row, which is whole now:
        ``([B, W, 4 h], [B, W, h])``.
        """
        one, other = layer["ways"]
        gates = kept["h"] @ one["state"][1] + _wide(one["bias"], 3)
        from_input = kept["x"] @ other["input"][0] + _wide(other["bias"], 3) + kept["right"] @ other["state"][1]

        def column(carry: tuple[Array, Array], given: Array) -> tuple[tuple[Array, Array], Array]:
            h, cell = lstm(given + carry[0] @ other["state"][0], carry[1])
            return (h, cell), h

        zeros = jnp.zeros((gates.shape[0], self.ch))
        _, found = jax.lax.scan(column, (zeros, zeros), jnp.moveaxis(from_input, 1, 0), reverse=True)
        # Above the first row there is nothing.
        return gates, jnp.where(row > 0, jnp.moveaxis(found, 0, 1), 0)

    def _one(
        self, layer: dict[str, Any], x: Array, gates: Array, upper: Array, before: dict[str, Array]
    ) -> tuple[Array, Array, Array]:
        """One pixel of a layer: ``(state, cell, what it shows)`` [B, h] each; ``upper`` is the cell of the row above,
        or of diagonals the state from the right of that row.
        """
        way = layer["ways"][0]
        if self.kind == "row":
            h, cell = lstm(gates + before["x"] @ way["input"][0] + x @ way["input"][1], upper)
            return h, cell, h
        h, cell = lstm(gates + x @ way["input"][0] + before["h"] @ way["state"][0], before["cell"])
        return h, cell, h + upper


def _of_row_above(h: Array, state: Array) -> Array:
    """State to state: three places of the row above, [B, W, h] -> gates [B, W, 4 h]."""
    padded, width = jnp.pad(h, ((0, 0), (1, 1), (0, 0))), h.shape[1]
    parts = [padded[:, place : place + width] @ state[place] for place in range(3)]
    return parts[0] + parts[1] + parts[2]


def _at(x: Array, column: Array) -> Array:
    found: Array = jax.lax.dynamic_index_in_dim(x, column, 1, keepdims=False)
    return found


def _wide(bias: Array, rank: int) -> Array:
    return bias.reshape((1,) * (rank - 1) + bias.shape)
