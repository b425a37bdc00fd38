"""A 3x3 convolution after nearest-neighbour upsampling, or before average pooling, computed on the low-resolution grid.

Both are one linear map, and upsampled pixels repeat, so most of the plain computation is done twice over. Along one
axis, with taps k0, k1, k2 and s = k0 + k1 + k2, the two outputs that upsampled pixel b gives between its neighbours
a and c are

    k0 a + (k1 + k2) b = k0 (a - b) + s b        and        (k0 + k1) b + k2 c = s b + k2 (c - b),

four multiplications or, with s b shared, three, where the plain form has six; the sum of two outputs of pixels a, b,
c, d, which pooling halves, is k0 a + (k0 + k1) b + (k1 + k2) c + k2 d = k0 (a - c) + s (b + c) + k2 (d - b). In two
dimensions 36 multiplications become 16 or 9. The three-product forms are minimal bilinear algorithms in the sense of
Winograd (1980) and Lavin & Gray (2016, arXiv:1509.09308); their only constants are 1 and -1, so they are as well
conditioned as the plain form.

Forms, all equal up to rounding, at the borders too (zeros outside, as in ``SAME`` padding):

  plain     resample and convolve, as written in the papers
  strided   one 4x4 convolution: of the zero-dilated input (up), or with stride two (down); 16 multiplications
  phases    2x2 convolutions: four, one for each phase of the output (up), or one of the space-to-depth input (down); 16
  products  nine products of matrices; 9
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxgan.nn.resample import average_pool, upsample_nearest
from jaxgan.parallel import platform, rows_per_device

FORMS = ("plain", "strided", "phases", "products")

_NHWC = ("NHWC", "HWIO", "NHWC")


def _convolve(x: Array, kernel: Array, padding: Any, *, precision: Any, stride: int = 1, dilation: int = 1) -> Array:
    return jax.lax.conv_general_dilated(
        x,
        kernel.astype(x.dtype),
        (stride, stride),
        padding,
        lhs_dilation=(dilation, dilation),
        dimension_numbers=_NHWC,
        precision=precision,
    )


def _wide(kernel: Array) -> Array:
    """[3, 3, C, D] convolved with a 2x2 window of ones: [4, 4, C, D]."""
    padded = jnp.pad(kernel, ((1, 1), (1, 1), (0, 0), (0, 0)))
    rows = padded[1:] + padded[:-1]
    return rows[:, 1:] + rows[:, :-1]


def _phase_taps(kernel: Array, axis: int) -> tuple[Array, Array]:
    """The taps of the even and of the odd outputs: three along ``axis`` become two."""
    first, middle, last = jnp.split(kernel, 3, axis)
    return jnp.concatenate([first, middle + last], axis), jnp.concatenate([first + middle, last], axis)


def _product_taps(kernel: Array) -> list[list[Array]]:
    """[3, 3, C, D] -> 3 rows of 3 matrices [C, D]: along each axis k0, k0 + k1 + k2 and k2."""
    rows = (kernel[0], kernel.sum(0), kernel[2])
    return [[row[0], row.sum(0), row[2]] for row in rows]


def _shifted(x: Array, offset: int, axis: int) -> Array:
    """``x`` moved by one along ``axis``, zeros coming in: element i is x[i + offset], for offset -1 or 1."""
    moved = jax.lax.slice_in_dim(x, 1, None, axis=axis) if offset > 0 else jax.lax.slice_in_dim(x, 0, -1, axis=axis)
    width = [(0, 0)] * x.ndim
    width[axis] = (0, 1) if offset > 0 else (1, 0)
    return jnp.pad(moved, width)


def _multiply(x: Array, matrix: Array, precision: Any) -> Array:
    """[B, H, W, C] x [C, D] -> [B, H, W, D], accumulated in float32 at least."""
    # Of two axes: with four, XLA:CPU transposes what the gradient of the matrix multiplies, in twice the time.
    rows = jnp.matmul(
        x.reshape(-1, x.shape[-1]),
        matrix.astype(x.dtype),
        precision=precision,
        preferred_element_type=jnp.promote_types(x.dtype, jnp.float32),
    )
    return rows.reshape(*x.shape[:-1], -1)


def _interleave(phases: list[list[Array]]) -> Array:
    """Four phases [B, H, W, D], rows first -> [B, 2H, 2W, D]."""
    b, h, w, d = phases[0][0].shape
    return jnp.stack([jnp.stack(row, axis=3) for row in phases], axis=2).reshape(b, 2 * h, 2 * w, d)


def _upsample_products(x: Array, kernel: Array, precision: Any) -> Array:
    rows = (_shifted(x, -1, 1) - x, x, _shifted(x, 1, 1) - x)
    parts = [[_shifted(row, -1, 2) - row, row, _shifted(row, 1, 2) - row] for row in rows]
    p = [[_multiply(part, tap, precision) for part, tap in zip(*row)] for row in zip(parts, _product_taps(kernel))]
    return _interleave([[p[i][j] + p[i][1] + p[1][j] + p[1][1] for j in (0, 2)] for i in (0, 2)]).astype(x.dtype)


def _downsample_products(x: Array, kernel: Array, precision: Any) -> Array:
    def combine(x: Array, axis: int) -> list[Array]:
        width = [(0, 0)] * x.ndim
        width[axis] = (1, 1)
        padded = jnp.pad(x, width)
        size = x.shape[axis]
        a, b, c, d = (jax.lax.slice_in_dim(padded, i, i + size - 1, 2, axis) for i in range(4))
        return [a - c, b + c, d - b]

    parts = [part for row in combine(x, 1) for part in combine(row, 2)]
    taps = [tap for row in _product_taps(kernel) for tap in row]
    products = [_multiply(part, tap, precision) for part, tap in zip(parts, taps)]
    return functools.reduce(jnp.add, products).astype(x.dtype)


def _space_to_depth(x: Array) -> Array:
    b, h, w, c = x.shape
    return x.reshape(b, h // 2, 2, w // 2, 2, c).transpose(0, 1, 3, 2, 4, 5).reshape(b, h // 2, w // 2, 4 * c)


def _check(x: Array, kernel: Array, form: str) -> None:
    if form not in FORMS:
        raise ValueError(f"unknown form {form!r} of a resampling convolution; choose from {', '.join(FORMS)}")
    if kernel.shape[:2] != (3, 3) or kernel.shape[2] != x.shape[-1]:
        raise ValueError(f"a kernel [3, 3, {x.shape[-1]}, features] is needed, got {list(kernel.shape)}")


def upsample_conv(x: Array, kernel: Array, *, form: str, precision: Any = None) -> Array:
    """``conv(upsample_nearest(x), kernel)``, padding ``SAME``.

    Args:
      x: [B, H, W, C] float.
      kernel: [3, 3, C, D] float; rearranged in its own dtype, and only then cast to x's.
      form: one of ``FORMS``.
      precision: as in ``jax.lax.conv_general_dilated``.

    Returns:
      [B, 2H, 2W, D] in x's dtype.

    Raises:
      ValueError: on an unknown form or another kernel size.
    """
    _check(x, kernel, form)
    convolve = functools.partial(_convolve, precision=precision)
    if form == "plain":
        return convolve(upsample_nearest(x), kernel, "SAME")
    if form == "strided":
        return convolve(x, _wide(kernel), ((2, 2), (2, 2)), dilation=2)
    if form == "phases":
        # An even output reads its own pixel and the one before, an odd output its own and the one after.
        padding = ((1, 0), (0, 1))
        return _interleave(
            [
                [convolve(x, taps, (rows, columns)) for taps, columns in zip(_phase_taps(half, 1), padding)]
                for half, rows in zip(_phase_taps(kernel, 0), padding)
            ]
        )
    return _upsample_products(x, kernel, precision)


def conv_downsample(x: Array, kernel: Array, *, form: str, precision: Any = None) -> Array:
    """``average_pool(conv(x, kernel))``, padding ``SAME``.

    Args:
      x: [B, H, W, C] float, H and W even.
      kernel, form, precision: as in :func:`upsample_conv`.

    Returns:
      [B, H/2, W/2, D] in x's dtype.

    Raises:
      ValueError: on odd sizes, an unknown form or another kernel size.
    """
    _check(x, kernel, form)
    _, h, w, c = x.shape
    if h % 2 or w % 2:
        raise ValueError(f"pooling by 2 needs even height and width, got {h}x{w}")
    convolve = functools.partial(_convolve, precision=precision)
    if form == "plain":
        return average_pool(convolve(x, kernel, "SAME"))
    kernel = kernel / 4
    if form == "strided":
        return convolve(x, _wide(kernel), ((1, 1), (1, 1)), stride=2)
    if form == "phases":
        blocks = _space_to_depth(jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0))))
        # The kernel is cut as the image is: [4, 4, C, D] -> [2, 2, 4C, D].
        wide = _wide(kernel).reshape(2, 2, 2, 2, c, -1).transpose(0, 2, 1, 3, 4, 5).reshape(2, 2, 4 * c, -1)
        return convolve(blocks, wide, "VALID")
    return _downsample_products(x, kernel, precision)


def _in_own_dtype(x: Array, kernel: Array, bias: Array | None, *, dtype: Any) -> tuple[Array, Array, Array | None]:
    """Instead of Linen's promotion: the kernel is cast after it is rearranged."""
    dtype = dtype or jnp.result_type(x, kernel)
    return x.astype(dtype), kernel, None if bias is None else bias.astype(dtype)


def linen_hooks(function: Callable[..., Array], *, form: str) -> dict[str, Any]:
    """Fields that make a ``flax.linen.Conv`` compute :func:`upsample_conv` or :func:`conv_downsample`.

    The layer's parameters, their names and shapes, what normalises the kernel, and the bias stay the layer's own.

    Args:
      function: one of the two.
      form: one of ``FORMS``.
    """

    def convolve(x: Array, kernel: Array, strides: Any, padding: Any, **options: Any) -> Array:
        dilated = any(size != 1 for name in ("lhs_dilation", "rhs_dilation") for size in options[name])
        if dilated or any(size != 1 for size in strides) or padding != "SAME" or options["feature_group_count"] != 1:
            raise ValueError("a resampling convolution takes no stride, dilation, groups or padding other than 'SAME'")
        return function(x, kernel, form=form, precision=options["precision"])

    return {"conv_general_dilated": convolve, "promote_dtype": _in_own_dtype}


# Pixels of the low-resolution grid on a device, from which a v5e's compiler expects less of one 4x4 convolution than of
# resampling and a 3x3 one: below, its kernel, which is 16/9 as large, and the kernel's gradient weigh more.
_LEAST_PIXELS = 2048


def choose_form(resample: str, shape: tuple[int, ...], *, up: bool) -> str:
    """The form that ``resample`` asks for: one of ``FORMS``, or 'auto' for the measured rule of docs/resampling.md.

    Args:
      resample: the word.
      shape: [B, H, W, C] of the layer's input, over all devices.
      up: whether it is to be upsampled, rather than pooled after the convolution.

    Raises:
      ValueError: on another word.
    """
    if resample == "auto":
        pixels = rows_per_device(shape[0]) * shape[1] * shape[2] // (1 if up else 4)
        on_tpu = "strided" if pixels >= _LEAST_PIXELS else "plain"
        return {"cpu": "products", "tpu": on_tpu}.get(platform(), "plain")
    if resample not in FORMS:
        raise ValueError(f"resample={resample!r}; choose from auto, {', '.join(FORMS)}")
    return resample
