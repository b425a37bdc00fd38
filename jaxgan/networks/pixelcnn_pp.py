"""PixelCNN++: a mixture of logistics for each pixel given those before it (Salimans et al. 2017, arXiv:1701.05517).

Two streams of gated residual blocks run down through smaller sides and up again, with skips between (figure 2): one
sees the rows above a pixel, the other also the pixels to its left, and at every block what the first has found. A
kernel holds only what may be seen; it is moved by padding.

Both the parallel pass and the pixel by pixel one run the same blocks, on windows of what lies before: of everything at
once, or of one row, or of one pixel, whose neighbours are remembered.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgan.networks.conditioning import class_weights
from jaxgan.networks.pixelcnn import as_input
from jaxgan.nn.weight_norm import WeightNormConv
from jaxgan.objectives.logistic_mixture import draw_from_mixture, mixture_size
from jaxgan.parallel import shard_batch

# Rows and columns of the kernels of either stream, and the columns of padding before and after.
ABOVE, ABOVE_SIDES = (2, 3), (1, 1)
LEFT, LEFT_SIDES = (2, 2), (1, 0)
# What a convolution sees of its input: the input with a row above, and columns of padding.
See = Callable[[Array], Array]


def concat_elu(x: Array) -> Array:
    """ELU of x and of -x, one after another: twice the channels."""
    return jax.nn.elu(jnp.concatenate([x, -x], axis=-1))


def _padded(x: Array, above: int, sides: tuple[int, int]) -> Array:
    return jnp.pad(x, ((0, 0), (above, 0), sides, (0, 0)))


class GatedBlock(nn.Module):
    """x + a sigmoid(b), of two convolutions (section 2.4 and the code's ``gated_resnet``).

    Attributes:
      ch: of what comes in and goes out.
      kernel: rows and columns.
      dropout: share of the features between the two convolutions that are dropped.
      dtype, param_dtype: of the computation and of the parameters.
    """

    ch: int
    kernel: Sequence[int]
    dropout: float
    dtype: Any
    param_dtype: Any

    @nn.compact
    def __call__(self, x: Array, aside: Array | None, weights: Array | None, see: See, *, train: bool) -> Array:
        """Features [B, H, W, ch] of ``x`` [B, H, W, ch]; of ``aside`` [B, H, W, C], from the other stream or the way
        down; and of class weights [B, num_classes]. ``see`` is asked twice.
        """
        both: dict[str, Any] = dict(dtype=self.dtype, param_dtype=self.param_dtype)
        h = WeightNormConv(self.ch, self.kernel, name="first", **both)(see(concat_elu(x)))
        if aside is not None:
            h = h + WeightNormConv(self.ch, name="aside", **both)(concat_elu(aside))
        h = nn.Dropout(self.dropout)(concat_elu(h), deterministic=not train)
        h = WeightNormConv(2 * self.ch, self.kernel, init_scale=0.1, name="second", **both)(see(h))
        if weights is not None:
            table = self.param(
                "class", nn.initializers.normal(0.05), (weights.shape[-1], 2 * self.ch), self.param_dtype
            )
            h = h + (weights @ table)[:, None, None].astype(h.dtype)
        a, b = jnp.split(h, 2, axis=-1)
        return x + a * jax.nn.sigmoid(b)


class PixelCNNPlusPlus(nn.Module):
    """Levels of pixels, and classes, to the numbers of each pixel's mixture.

    Parameters are initialised on data: ``init`` must be given real images.

    Attributes:
      levels: of a channel of a pixel.
      channels: of a pixel.
      num_classes: of the condition; 0 for none.
      ch: channels of both streams.
      blocks: residual blocks at each side on the way down; on the way up there is one more but at the smallest side.
      sides: how many there are, each half of the one before: images' sides are multiples of 2^(sides - 1).
      components: of the mixture.
      dropout: share of the features within blocks that are dropped.
      dtype, param_dtype: of the computation and of the parameters.
    """

    levels: int = 256
    channels: int = 3
    num_classes: int = 0
    ch: int = 160
    blocks: int = 5
    sides: int = 3
    components: int = 10
    dropout: float = 0.5
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    def setup(self) -> None:
        """The layers, which both the parallel pass and the pixel by pixel one run."""
        both: dict[str, Any] = dict(dtype=self.dtype, param_dtype=self.param_dtype)

        def stack(name: str, kernel: Sequence[int], count: int) -> list[GatedBlock]:
            fields = (self.ch, kernel, self.dropout, self.dtype, self.param_dtype)
            return [GatedBlock(*fields, name=f"{name}_{index}") for index in range(count)]

        def conv(name: str, kernel: Sequence[int], **options: Any) -> WeightNormConv:
            return WeightNormConv(self.ch, kernel, name=name, **options, **both)

        def stream(name: str, kernel: Sequence[int]) -> dict[str, Any]:
            ups = [self.blocks + (side < self.sides - 1) for side in range(self.sides)]
            between = range(self.sides - 1)
            return {
                "down": [stack(f"{name}_down_{n}", kernel, self.blocks) for n in range(self.sides)],
                "up": [stack(f"{name}_up_{n}", kernel, count) for n, count in enumerate(ups)],
                "shrink": [conv(f"{name}_shrink_{n}", kernel, down=True) for n in between],
                "grow": [conv(f"{name}_grow_{n}", kernel, up=True) for n in between],
            }

        self.first_above = conv("first_above", ABOVE)
        self.first_across, self.first_left = conv("first_across", (1, 3)), conv("first_left", (2, 1))
        self.above, self.left = stream("above", ABOVE), stream("left", LEFT)
        self.last = WeightNormConv(mixture_size(self.components, self.channels), name="last", **both)

    def __call__(self, values: Array, labels: Array, *, train: bool) -> Array:
        """All pixels at once.

        Args:
          values: int [B, H, W, channels] in [0, levels).
          labels: int [B], or float class weights [B, num_classes]; not used without classes.
          train: drops features, under the stream 'dropout'.

        Returns:
          [B, H, W, N] float32, the mixture of each pixel given all before it, each of its channels also given those
          before it; see :func:`jaxgan.objectives.logistic_mixture.mixture_of`.

        Raises:
          ValueError: on sides that are no multiples of 2^(sides - 1).
        """
        self._check(values.shape[1:3])
        x, weights = shard_batch(self._input(values)), self._weights(labels)

        def features_of(stream: dict[str, Any], x: Array, sides: tuple[int, int], others: Any) -> list[Any]:
            """Of each side, what the blocks find: (on the way down, on the way up)."""
            found: dict[int, Any] = {}

            def see(x: Array) -> Array:
                return _padded(shard_batch(x), 1, sides)

            def side_of(side: int, x: Array) -> Array:
                def smaller(x: Array) -> Array:
                    return _grown(stream["grow"][side], side_of(side + 1, stream["shrink"][side](see(x))))

                more = smaller if side < self.sides - 1 else None
                asides = others[side] if others else _NOTHING
                found[side] = _one_side(stream, side, x, asides, weights, see, more, train=train)
                return found[side][1][-1]

            side_of(0, x)
            return [found[side] for side in range(self.sides)]

        # Rows move down by one, and columns to the right, so that no pixel sees itself.
        above = _padded(self.first_above(_padded(x, 1, ABOVE_SIDES)), 1, (0, 0))[:, :-1]
        across = _padded(self.first_across(_padded(x, 0, (1, 1))), 1, (0, 0))[:, :-1]
        left = across + _padded(self.first_left(_padded(x, 1, (0, 0))), 0, (1, 0))[:, :, :-1]
        aboves = features_of(self.above, above, ABOVE_SIDES, None)
        lefts = features_of(self.left, left, LEFT_SIDES, aboves)
        return self._outputs(lefts[0][1][-1])

    def _check(self, size: Sequence[int]) -> None:
        if any(side % 2 ** (self.sides - 1) for side in size):
            raise ValueError(f"images of {tuple(size)}: sides must be multiples of {2 ** (self.sides - 1)}")

    def _input(self, values: Array) -> Array:
        """Levels int [..., channels] -> [..., channels + 1], with a channel of ones that tells padding from pixels."""
        x = as_input(values, self.levels)
        return jnp.concatenate([x, jnp.ones_like(x[..., :1])], axis=-1).astype(self.dtype)

    def _weights(self, labels: Array) -> Array | None:
        return class_weights(labels, self.num_classes) if self.num_classes else None

    def _outputs(self, features: Array) -> Array:
        found: Array = self.last(jax.nn.elu(features))
        return found.astype(jnp.float32)

    def draw(self, keys: Array, labels: Array, size: tuple[int, int], temperature: Array, given: Array) -> Array:
        """Draws images pixel by pixel, computing of each layer only what the next pixel needs; arguments and result as
        of :meth:`jaxgan.networks.pixelcnn.PixelCNN.draw`. Smaller sides are computed once for their pixel, which stands
        for 4, 16, ... of the image (Ramachandran et al. 2017, arXiv:1704.06001).
        """
        self._check(size)
        (height, width), batch, weights = size, keys.shape[0], self._weights(labels)
        seen = shard_batch(jnp.zeros((batch, 2, width, self.channels + 1), self.dtype))
        image = shard_batch(jnp.zeros((batch, height, width, self.channels), jnp.int32))

        def line_of(carry: Any, row: Array) -> tuple[Any, None]:
            image, seen, kept = carry
            above = jnp.where(row > 0, self.first_above(_padded(seen, 0, ABOVE_SIDES)), 0)
            across = jnp.where(row > 0, self.first_across(_padded(seen[:, 1:], 0, (1, 1))), 0)
            kept = self._row(0, above, weights, kept, row)
            # The pixels of the row above and of this one, each a column to the right of its own.
            pixels = jnp.pad(seen[:, 1:], ((0, 0), (0, 1), (1, 0), (0, 0)))

            def pixel(carry: Any, column: Array) -> tuple[Any, None]:
                pixels, line, lefts = carry
                before = jax.lax.dynamic_slice_in_dim(pixels, column, 1, axis=2)
                start = _at(across, column) + jnp.where(column > 0, self.first_left(before), 0)
                lefts = self._pixel(0, start, weights, kept, lefts, row, column)
                own = jax.vmap(lambda key: jax.random.fold_in(key, row * width + column))(keys)
                outputs = self._outputs(_at(lefts[0]["last"], column))[:, 0, 0]
                drawn = draw_from_mixture(own, outputs, line[:, column], temperature, count=self.levels)
                line = jax.lax.dynamic_update_slice_in_dim(line, drawn[:, None], column, axis=1)
                value = self._input(drawn)[:, None, None]
                pixels = jax.lax.dynamic_update_slice(pixels, value, (0, 1, column + 1, 0))
                return (pixels, line, lefts), None

            start = jax.lax.dynamic_index_in_dim(given, row, 1, keepdims=False)
            begin = (pixels, start, [one["left"] for one in kept])
            (pixels, line, lefts), _ = jax.lax.scan(pixel, begin, jnp.arange(width))
            kept = [one | {"left": left} for one, left in zip(kept, lefts)]
            image = jax.lax.dynamic_update_slice_in_dim(image, line[:, None], row, axis=1)
            return (image, pixels[:, :, 1:], kept), None

        begin = (image, seen, [self._nothing_seen(batch, width >> side, side) for side in range(self.sides)])
        (image, _, _), _ = jax.lax.scan(line_of, begin, jnp.arange(height))
        return image

    def _nothing_seen(self, batch: int, width: int, side: int) -> dict[str, Any]:
        """The memory of a side, empty. Of the stream from above: the row before of what each convolution sees, and
        what the blocks found in this row. Of the stream from the left: the row before and this one, after a column of
        zeros, and what the last block found in the row, which the two rows of a larger side read.
        """
        downs, ups = self.blocks, len(self.above["up"][side])

        def zeros(rows: int, columns: int, channels: int) -> Array:
            return shard_batch(jnp.zeros((batch, rows, columns, channels), self.dtype))

        count, both = range(2 * (downs + ups)), 2 * self.ch
        left = {"seen": [zeros(2, width + 1, both) for _ in count], "shrunk": zeros(2, width + 1, self.ch)}
        return {
            "seen": [zeros(1, width, both) for _ in count],
            "shrunk": zeros(1, width, self.ch),
            "found": tuple([zeros(1, width, self.ch) for _ in range(number)] for number in (downs + 1, ups)),
            "left": left | {"last": zeros(1, width, self.ch)},
        }

    def _row(self, side: int, x: Array, weights: Array | None, kept: list[Any], row: Array) -> list[Any]:
        """The memory of a side and of smaller ones once the stream from above has seen all before ``row``."""
        (own, *smaller), stream, rest = kept, self.above, []

        def of_smaller(x: Array) -> Array:
            def computed(smaller: list[Any]) -> list[Any]:
                window = _padded(jnp.concatenate([own["shrunk"], x], axis=1), 0, ABOVE_SIDES)
                return self._row(side + 1, stream["shrink"][side](window), weights, smaller, row // 2)

            rest.extend(jax.lax.cond(row % 2 == 0, computed, lambda same: same, smaller))
            grown = _grown(stream["grow"][side], rest[0]["found"][1][-1])
            return jax.lax.dynamic_slice_in_dim(grown, row % 2, 1, axis=1)

        see = _Rows(own["seen"])
        found = _one_side(stream, side, x, _NOTHING, weights, see, of_smaller if smaller else None, train=False)
        left = own["left"]
        fresh = {"seen": [_next_row(x) for x in left["seen"]], "shrunk": _next_row(left["shrunk"])}
        return [
            {"seen": see.found, "shrunk": found[0][-1], "found": found, "left": left | fresh},
            *rest,
        ]

    def _pixel(
        self, side: int, x: Array, weights: Array | None, kept: list[Any], lefts: list[Any], row: Array, column: Array
    ) -> list[Any]:
        """The memory of the stream from the left once it has seen all before a pixel of a side."""
        (own, *smaller), stream, rest = lefts, self.left, []
        downs, ups = ([_at(each, column) for each in found] for found in kept[side]["found"])
        shrunk: list[Array] = []

        def of_smaller(x: Array) -> Array:
            moved = jax.lax.dynamic_update_slice(own["shrunk"], x, (0, 1, column + 1, 0))
            shrunk.append(moved)

            def computed(smaller: list[Any]) -> list[Any]:
                window = jax.lax.dynamic_slice_in_dim(moved, column, 2, axis=2)
                start = stream["shrink"][side](window)
                return self._pixel(side + 1, start, weights, kept, smaller, row // 2, column // 2)

            rest.extend(jax.lax.cond((row % 2 == 0) & (column % 2 == 0), computed, lambda same: same, smaller))
            grown = _grown(stream["grow"][side], _at(rest[0]["last"], column // 2))
            return jax.lax.dynamic_slice(grown, (0, row % 2, column % 2, 0), x.shape)

        see = _Pixels(own["seen"], column)
        more = of_smaller if smaller else None
        _, ups = _one_side(stream, side, x, (downs, ups), weights, see, more, train=False)
        last = jax.lax.dynamic_update_slice_in_dim(own["last"], ups[-1], column, axis=2)
        return [{"seen": see.found, "shrunk": shrunk[0] if shrunk else own["shrunk"], "last": last}, *rest]


_NOTHING: tuple[None, None] = (None, None)


def _one_side(
    stream: dict[str, Any],
    side: int,
    x: Array,
    asides: tuple[Any, Any],
    weights: Array | None,
    see: See,
    smaller: Callable[[Array], Array] | None,
    *,
    train: bool,
) -> tuple[list[Array], list[Array]]:
    """One stream's blocks of a side: ``(x and what each finds on the way down, what each finds on the way up)``.

    Args:
      stream: its layers.
      side: its number.
      x: [B, H, W, ch].
      asides: the same of the stream from above, for the one from the left.
      weights: of classes.
      see: what convolutions see.
      smaller: what the smaller sides make of the last features of the way down; None at the smallest.
      train: drops features.
    """
    downs, (others_down, others_up) = [x], asides
    for number, block in enumerate(stream["down"][side]):
        aside = None if others_down is None else others_down[number + 1]
        downs.append(block(downs[-1], aside, weights, see, train=train))
    skips = downs if smaller else downs[:-1]
    x, ups = smaller(downs[-1]) if smaller else downs[-1], []
    for number, (block, skip) in enumerate(zip(stream["up"][side], reversed(skips), strict=True)):
        aside = skip if others_up is None else jnp.concatenate([others_up[number], skip], axis=-1)
        x = block(x, aside, weights, see, train=train)
        ups.append(x)
    return downs, ups


def _grown(conv: Callable[[Array], Array], x: Array) -> Array:
    """Twice the rows and columns; what a kernel of three columns adds before the first is cut off."""
    y = conv(x)
    return y[:, :, y.shape[2] - 2 * x.shape[2] :]


class _Rows:
    """The windows of convolutions when one row comes at a time, in the order of their calls.

    Attributes:
      found: what each is to remember.
    """

    def __init__(self, kept: Sequence[Array]):
        self.kept = kept
        self.found: list[Array] = []

    def __call__(self, x: Array) -> Array:
        """[B, 1, W, C] with the row before, and columns of zeros."""
        window = jnp.concatenate([self.kept[len(self.found)], x], axis=1)
        self.found.append(x)
        return _padded(window, 0, ABOVE_SIDES)


class _Pixels:
    """The windows of convolutions when one pixel comes at a time, in the order of their calls.

    Attributes:
      found: what each is to remember.
    """

    def __init__(self, kept: Sequence[Array], column: Array):
        self.kept, self.column = kept, column
        self.found: list[Array] = []

    def __call__(self, x: Array) -> Array:
        """[B, 1, 1, C] with its neighbours: [B, 2, 2, C]."""
        moved = jax.lax.dynamic_update_slice(self.kept[len(self.found)], x, (0, 1, self.column + 1, 0))
        self.found.append(moved)
        return jax.lax.dynamic_slice_in_dim(moved, self.column, 2, axis=2)


def _next_row(x: Array) -> Array:
    """The row before and this one [B, 2, W, C], once this one is whole: it becomes the row before."""
    return jnp.pad(x[:, 1:], ((0, 0), (0, 1), (0, 0), (0, 0)))


def _at(x: Array, column: Array) -> Array:
    found: Array = jax.lax.dynamic_slice_in_dim(x, column, 1, axis=2)
    return found
