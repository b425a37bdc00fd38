"""Convolutions in several forms: the same function up to rounding, of which one or another is the fastest on a
processor.

  xla               XLA's own
  products          a product of matrices for each tap of the kernel, of the image moved by it
  patches           one product, of the patches that the kernel sees side by side; in parts of the batch where they are
                    large
  places            a product for each place that comes out: kernels' gradients, which have few
  windows           one product for all places
  phases            of an image with zeros between its pixels (transposed convolutions, gradients of strided ones): a
                    convolution without them for each phase of the kernel
  phases+products   each phase by products
  phases+patches    each phase by patches
  phases+shifts     each phase by shifts
  shifts            of depthwise ones: the image moved by each tap, times the tap of its channel, summed in one pass
  winograd          F(2x2, 3x3) of Winograd (1980) as Lavin & Gray (2016, arXiv:1509.09308) have it: 16 products on
                    tiles of 4x4 pixels for 36; kernels of 3x3

They take what ``jax.lax.conv_general_dilated`` takes, in any order of dimensions, so that a forward convolution and
both of its gradients, which are convolutions too, each may have a form of its own.
"""

import functools
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
from jax import Array, lax

from jaxgan.convolutions.convolution import Convolution

# Bytes that a form may make on the way.
BUDGET_BYTES = 2**28
# Products in one form: programs stay small.
MOST_PRODUCTS, MOST_PLACES = 49, 100

# Of tiles of the image, of the kernel, and of products: B^T, G and A^T of F(2, 3).
_TILE = ((1, 0, -1, 0), (0, 1, 1, 0), (0, -1, 1, 0), (0, 1, 0, -1))
_KERNEL = ((1, 0, 0), (0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0, 0, 1))
_OUT = ((1, 1, 1, 0), (0, 1, -1, -1))


def forms_of(asked: Convolution) -> tuple[str, ...]:
    """The names of the forms that such a convolution has, XLA's first."""
    if asked.batch_groups != 1 or 0 in (*asked.lhs, *asked.rhs, *asked.out):
        return ("xla",)
    taps, places = math.prod(asked.taps), math.prod(asked.places)
    bytes_of = jnp.dtype(asked.dtype).itemsize
    sums: tuple[str, ...] = ("products", "patches")
    if asked.feature_groups != 1:
        sums = ("shifts",) if asked.rhs[asked.rhs_spec[1]] == 1 else ("products",)
    if set(asked.lhs_dilation) != {1}:
        whole = set(asked.strides) == set(asked.rhs_dilation) == {1}
        inner = [f"phases+{each}" for each in sums] if taps <= MOST_PRODUCTS else ()
        return ("xla", "phases", *inner) if whole else ("xla",)
    if asked.feature_groups != 1:
        return ("xla", *sums) if taps <= MOST_PRODUCTS else ("xla",)
    forms = ["xla"]
    if taps <= MOST_PRODUCTS:
        forms.append("products")
        if taps > 1:
            forms.append("patches")
    if 1 < places <= MOST_PLACES or (places == 1 and taps > 1):
        forms.append("places")
        window = asked.lhs[asked.lhs_spec[0]] * asked.lhs[asked.lhs_spec[1]] * taps
        if places > 1 and places * window * bytes_of <= BUDGET_BYTES:
            forms.append("windows")
    if asked.taps == (3, 3) and set(asked.strides) == set(asked.rhs_dilation) == {1}:
        forms.append("winograd")
    return tuple(forms)


def convolve(lhs: Array, rhs: Array, asked: Convolution, *, form: str) -> Array:
    """A convolution in one of its forms.

    Args:
      lhs, rhs: the image and the kernel, as ``asked`` has them.
      asked: what is to be computed.
      form: one of ``forms_of(asked)``.

    Returns:
      What ``jax.lax.conv_general_dilated`` gives; products are accumulated in float32 at least.

    Raises:
      ValueError: on a form that such a convolution does not have.
    """
    if form not in forms_of(asked):
        raise ValueError(f"form={form!r} of {asked.text()}; it has {', '.join(forms_of(asked))}")
    if form == "xla":
        return lax.conv_general_dilated(
            lhs,
            rhs,
            asked.strides,
            asked.padding,
            lhs_dilation=asked.lhs_dilation,
            rhs_dilation=asked.rhs_dilation,
            dimension_numbers=lax.ConvDimensionNumbers(asked.lhs_spec, asked.rhs_spec, asked.out_spec),
            feature_group_count=asked.feature_groups,
            batch_group_count=asked.batch_groups,
            precision=asked.precision,
            preferred_element_type=asked.out_dtype,
        )
    name, _, inner = form.partition("+")
    functions: dict[str, Callable[..., Array]] = {
        "products": _products if asked.feature_groups == 1 else _grouped_products,
        "shifts": _shifts,
        "patches": _patches,
        "places": _places,
        "windows": _windows,
        "winograd": _winograd,
        "phases": functools.partial(_phases, inner=inner or "xla"),
    }
    return functions[name](lhs, rhs, asked).astype(asked.out_dtype)


def _wide(asked: Convolution) -> Any:
    return jnp.promote_types(asked.dtype, jnp.float32)


def _dot(lhs: Array, rhs: Array, axes: Sequence[int], others: Sequence[int], asked: Convolution) -> Array:
    """The product over ``axes`` of one and ``others`` of the other; what is left of both, in order."""
    return lax.dot_general(
        lhs, rhs, ((tuple(axes), tuple(others)), ((), ())), asked.precision, preferred_element_type=_wide(asked)
    )


def _padded(lhs: Array, asked: Convolution) -> Array:
    config = [(0, 0, 0)] * lhs.ndim
    for axis, (low, high) in zip(asked.lhs_spec[2:], asked.padding):
        config[axis] = (low, high, 0)
    return lax.pad(lhs, jnp.zeros((), lhs.dtype), config)


def _part(x: Array, axes: Sequence[int], starts: Sequence[int], counts: Sequence[int], steps: Sequence[int]) -> Array:
    """Along each axis ``counts`` places from ``starts`` on, ``steps`` from each other."""
    begin, end, step = [0] * x.ndim, list(x.shape), [1] * x.ndim
    for axis, start, count, by in zip(axes, starts, counts, steps):
        begin[axis], end[axis], step[axis] = start, start + (count - 1) * by + 1, by
    return lax.slice(x, begin, end, step)


def _ordered(y: Array, labels: Sequence[int], asked: Convolution) -> Array:
    """``y``, whose axes are the batch (0), features (1) and sides (2, ...) that ``labels`` say, as it comes out."""
    order = sorted(range(len(asked.out_spec)), key=lambda label: asked.out_spec[label])
    return lax.transpose(y, [list(labels).index(label) for label in order])


def _labels(spec: Sequence[int], *, without: Sequence[int] = ()) -> list[int]:
    """The meaning of an operand's axes, in their order."""
    return [label for _, label in sorted((axis, label) for label, axis in enumerate(spec)) if label not in without]


def _views(lhs: Array, asked: Convolution, *, of_taps: bool) -> list[Array]:
    """The image under each tap, or the part of it that the kernel sees at each place."""
    padded, axes = _padded(lhs, asked), asked.lhs_spec[2:]
    taps, places = (asked.taps, asked.rhs_dilation), (asked.places, asked.strides)
    (moves, by), (counts, steps) = (taps, places) if of_taps else (places, taps)
    starts = [[index * step for index, step in zip(move, by)] for move in itertools.product(*map(range, moves))]
    return [_part(padded, axes, start, counts, steps) for start in starts]


def _taps_of(rhs: Array, asked: Convolution) -> list[Array]:
    """Outputs and inputs of each tap of the kernel, in their order there."""
    sides = asked.rhs_spec[2:]
    ones = (1,) * len(sides)
    taps = itertools.product(*map(range, asked.taps))
    return [lax.squeeze(_part(rhs, sides, tap, ones, ones), sides) for tap in taps]


def _products(lhs: Array, rhs: Array, asked: Convolution) -> Array:
    channel, inputs = asked.lhs_spec[1], int(asked.rhs_spec[1] > asked.rhs_spec[0])
    parts = [
        _dot(seen, tap, [channel], [inputs], asked)
        for seen, tap in zip(_views(lhs, asked, of_taps=True), _taps_of(rhs, asked))
    ]
    return _ordered(functools.reduce(jnp.add, parts), [*_labels(asked.lhs_spec, without=[1]), 1], asked)


def _grouped_products(lhs: Array, rhs: Array, asked: Convolution) -> Array:
    groups, channel = asked.feature_groups, asked.lhs_spec[1]
    outputs = int(asked.rhs_spec[1] < asked.rhs_spec[0])
    parts = []
    for seen, tap in zip(_views(lhs, asked, of_taps=True), _taps_of(rhs, asked)):
        split = seen.reshape(*seen.shape[:channel], groups, -1, *seen.shape[channel + 1 :])
        matrices = lax.transpose(tap, (outputs, 1 - outputs)).reshape(groups, -1, tap.shape[1 - outputs])
        over = (((channel + 1,), (2,)), ((channel,), (0,)))
        parts.append(lax.dot_general(split, matrices, over, asked.precision, preferred_element_type=_wide(asked)))
    y = jnp.moveaxis(functools.reduce(jnp.add, parts), 0, -2)
    return _ordered(y.reshape(*y.shape[:-2], -1), [*_labels(asked.lhs_spec, without=[1]), 1], asked)


def _shifts(lhs: Array, rhs: Array, asked: Convolution) -> Array:
    channel = asked.lhs_spec[1]
    each = rhs.shape[asked.rhs_spec[0]] // lhs.shape[channel]
    wide = [-1 if axis == channel else 1 for axis in range(lhs.ndim)]
    parts = []
    for seen, tap in zip(_views(lhs, asked, of_taps=True), _taps_of(rhs, asked)):
        seen = seen if each == 1 else jnp.repeat(seen, each, axis=channel)
        parts.append(seen.astype(_wide(asked)) * tap.astype(_wide(asked)).reshape(wide))
    return _ordered(functools.reduce(jnp.add, parts), _labels(asked.lhs_spec), asked)


def _patches(lhs: Array, rhs: Array, asked: Convolution) -> Array:
    outputs, inputs, *sides = asked.rhs_spec
    batch, channel = asked.lhs_spec[:2]
    matrix = lax.transpose(rhs, (*sides, inputs, outputs)).reshape(-1, rhs.shape[outputs])
    labels = [*_labels(asked.lhs_spec, without=[1]), 1]

    def product(lhs: Array, asked: Convolution = asked) -> Array:
        seen = jnp.concatenate(_views(lhs, asked, of_taps=True), axis=channel)
        return _dot(seen, matrix, [channel], [0], asked)

    rows = lhs.shape[batch]
    row_bytes = math.prod(asked.places) * len(matrix) * lhs.dtype.itemsize
    at_once = max(1, min(rows, BUDGET_BYTES // row_bytes))
    if at_once == rows:
        return _ordered(product(lhs), labels, asked)
    at_once = next(count for count in range(at_once, 0, -1) if rows % count == 0)
    split = lhs.reshape(*lhs.shape[:batch], rows // at_once, at_once, *lhs.shape[batch + 1 :])
    parts = lax.map(product, jnp.moveaxis(split, batch, 0))
    where = labels.index(0)
    parts = jnp.moveaxis(parts, 0, where)
    return _ordered(parts.reshape(*parts.shape[:where], rows, *parts.shape[where + 2 :]), labels, asked)


def _places(lhs: Array, rhs: Array, asked: Convolution) -> Array:
    parts = [
        _dot(seen, rhs, asked.lhs_spec[1:], asked.rhs_spec[1:], asked) for seen in _views(lhs, asked, of_taps=False)
    ]
    y = jnp.stack(parts).reshape(*asked.places, *parts[0].shape)
    return _ordered(y, [*range(2, y.ndim), 0, 1], asked)


def _windows(lhs: Array, rhs: Array, asked: Convolution) -> Array:
    axes = [axis + 1 for axis in asked.lhs_spec[1:]]
    y = _dot(jnp.stack(_views(lhs, asked, of_taps=False)), rhs, axes, asked.rhs_spec[1:], asked)
    y = y.reshape(*asked.places, *y.shape[1:])
    return _ordered(y, [*range(2, y.ndim), 0, 1], asked)


def _phases(lhs: Array, rhs: Array, asked: Convolution, *, inner: str) -> Array:
    """Places o = l q + r of one r see the taps t = (p - r) mod l + l u alone, at pixel q + (r + t - p) / l."""
    count = len(asked.sides)
    longest = [math.ceil(places / by) for places, by in zip(asked.places, asked.lhs_dilation)]
    parts = []
    for phase in itertools.product(*map(range, asked.lhs_dilation)):
        first, taps, pads, places = [], [], [], []
        for axis, r in enumerate(phase):
            by, low = asked.lhs_dilation[axis], asked.padding[axis][0]
            start = (low - r) % by
            taps.append(max(0, math.ceil((asked.taps[axis] - start) / by)))
            places.append(max(0, math.ceil((asked.places[axis] - r) / by)))
            before = (low - r - start) // by
            pads.append((before, places[-1] - asked.sides[axis] - before + taps[-1] - 1))
            first.append(start)
        out = list(asked.out)
        for axis, size in zip(asked.out_spec[2:], longest):
            out[axis] = size
        if 0 in taps or 0 in places:
            parts.append(jnp.zeros(out, asked.out_dtype))
            continue
        kernel = _part(rhs, asked.rhs_spec[2:], first, taps, asked.lhs_dilation)
        shape = list(asked.out)
        for axis, size in zip(asked.out_spec[2:], places):
            shape[axis] = size
        own = asked._replace(rhs=tuple(kernel.shape), out=tuple(shape), padding=tuple(pads), lhs_dilation=(1,) * count)
        form = inner if inner in forms_of(own) else "products" if inner == "patches" else "xla"
        y = convolve(lhs, kernel, own, form=form)
        parts.append(jnp.pad(y, [(0, wanted - got) for wanted, got in zip(out, y.shape)]))
    return _interleaved(parts, asked, longest)


def _interleaved(parts: list[Array], asked: Convolution, longest: list[int]) -> Array:
    """Places of each phase among each other."""
    count = len(longest)
    y = jnp.stack(parts).reshape(*asked.lhs_dilation, *parts[0].shape)
    # Each side is followed by its phases.
    order = []
    for axis in range(parts[0].ndim):
        order.append(count + axis)
        if axis in asked.out_spec[2:]:
            order.append(asked.out_spec[2:].index(axis))
    y = lax.transpose(y, order)
    shape = list(parts[0].shape)
    for axis, by in zip(asked.out_spec[2:], asked.lhs_dilation):
        shape[axis] *= by
    return y.reshape(shape)[tuple(slice(0, size) for size in asked.out)]


def _winograd(lhs: Array, rhs: Array, asked: Convolution) -> Array:
    outputs, inputs, *kernel_sides = asked.rhs_spec
    batch, channel, *sides = asked.lhs_spec
    padded = lax.transpose(_padded(lhs, asked), (batch, *sides, channel))
    kernel = lax.transpose(rhs, (*kernel_sides, inputs, outputs))
    rows, height, width, channels = padded.shape
    out_height, out_width = height - 2, width - 2
    # Whole tiles: what is too much is cut off below.
    padded = jnp.pad(padded, ((0, 0), (0, out_height % 2), (0, out_width % 2), (0, 0)))
    down, across = (out_height + 1) // 2, (out_width + 1) // 2
    tile, left, out = (jnp.asarray(m, jnp.float32) for m in (_TILE, _KERNEL, _OUT))
    weights = jnp.einsum("ai,bj,ijcd->abcd", left, left, kernel.astype(jnp.float32)).astype(padded.dtype)
    # [4, 4, B, down, across, C]: pixel (i, j) of every tile, tiles overlap by two.
    pixels = jnp.stack(
        [jnp.stack([padded[:, i : i + 2 * down : 2, j : j + 2 * across : 2] for j in range(4)]) for i in range(4)]
    )
    seen = jnp.einsum("ai,bj,ijrhwc->abrhwc", tile.astype(padded.dtype), tile.astype(padded.dtype), pixels)
    products = jnp.einsum(
        "abnc,abcd->abnd",
        seen.reshape(4, 4, -1, channels),
        weights,
        precision=asked.precision,
        preferred_element_type=_wide(asked),
    )
    y = jnp.einsum("xa,yb,abnd->xynd", out.astype(_wide(asked)), out.astype(_wide(asked)), products)
    y = y.reshape(2, 2, rows, down, across, -1).transpose(2, 3, 0, 4, 1, 5)
    y = y.reshape(rows, 2 * down, 2 * across, -1)[:, :out_height, :out_width]
    return _ordered(y, (0, 2, 3, 1), asked)
