"""Convolutions of stride one in several forms: the same function up to rounding, of which one or another is the fastest
on a processor.

  xla       XLA's own
  products  a product of matrices for each tap of the kernel, of the image moved by it
  patches   one product, of the patches that the kernel sees side by side; in parts of the batch where they are large
  winograd  F(2x2, 3x3) of Winograd (1980) as Lavin & Gray (2016, arXiv:1509.09308) have it: 16 products on tiles of
            4x4 pixels for 36; kernels of 3x3

What a form computes on the way is computed again for gradients, not kept: gradients are products too, of any order.
"""

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

FORMS = ("xla", "products", "patches", "winograd")
Pads = Sequence[tuple[int, int]]
# Bytes of patches that are made at once.
BUDGET_BYTES = 2**28

# Of tiles of the image, of the kernel, and of products: B^T, G and A^T of F(2, 3).
_TILE = ((1, 0, -1, 0), (0, 1, 1, 0), (0, -1, 1, 0), (0, 1, 0, -1))
_KERNEL = ((1, 0, 0), (0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0, 0, 1))
_OUT = ((1, 1, 1, 0), (0, 1, -1, -1))


def conv_in_form(x: Array, kernel: Array, pads: Pads, *, form: str, precision: Any = None) -> Array:
    """A convolution of stride one.

    Args:
      x: [B, H, W, C] float.
      kernel: [k, l, C, D], cast to the dtype of ``x``.
      pads: zeros before and after, of height and of width.
      form: one of ``FORMS``.
      precision: as in ``jax.lax.conv_general_dilated``.

    Returns:
      [B, H', W', D] of the dtype of ``x``; products are accumulated in float32 at least.

    Raises:
      ValueError: on an unknown form, a kernel that is no 3x3 in Winograd's, or one larger than the image.
    """
    check_form(form, kernel.shape)
    kernel = kernel.astype(x.dtype)
    (top, bottom), (left, right) = pads
    if x.shape[1] + top + bottom < kernel.shape[0] or x.shape[2] + left + right < kernel.shape[1]:
        raise ValueError(
            f"a kernel {kernel.shape[:2]} on an image of {x.shape[1:3]} with zeros {tuple(pads)} sees nothing"
        )
    if form == "xla":
        return jax.lax.conv_general_dilated(
            x, kernel, (1, 1), pads, dimension_numbers=("NHWC", "HWIO", "NHWC"), precision=precision
        )
    function = {"products": _products, "patches": _patches, "winograd": _winograd}[form]
    padded = jnp.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))
    made: Array = jax.checkpoint(functools.partial(function, precision=precision))(padded, kernel)
    return made


def check_form(form: str, kernel_shape: Sequence[int]) -> None:
    """Refuses a form that there is not, or that is not for such a kernel.

    Raises:
      ValueError: with those that there are.
    """
    if form not in FORMS:
        raise ValueError(f"form={form!r} of a convolution; choose from {', '.join(FORMS)}")
    if form == "winograd" and tuple(kernel_shape[:2]) != (3, 3):
        raise ValueError(f"form='winograd' is for kernels of 3x3, got {tuple(kernel_shape[:2])}")


def _multiply(rows: Array, matrix: Array, precision: Any) -> Array:
    """[..., C] by [C, D], accumulated in float32 at least."""
    wide = jnp.promote_types(rows.dtype, jnp.float32)
    flat = jnp.matmul(rows.reshape(-1, rows.shape[-1]), matrix, precision=precision, preferred_element_type=wide)
    return flat.reshape(*rows.shape[:-1], -1)


def _moved(padded: Array, kernel: Array) -> list[Array]:
    """The image under each tap, rows first: [B, H', W', C]."""
    tall, wide = kernel.shape[:2]
    height, width = padded.shape[1] - tall + 1, padded.shape[2] - wide + 1
    return [padded[:, i : i + height, j : j + width] for i in range(tall) for j in range(wide)]


def _products(padded: Array, kernel: Array, *, precision: Any) -> Array:
    taps = kernel.reshape(-1, *kernel.shape[2:])
    parts = [_multiply(seen, tap, precision) for seen, tap in zip(_moved(padded, kernel), taps)]
    return functools.reduce(jnp.add, parts).astype(padded.dtype)


def _patches(padded: Array, kernel: Array, *, precision: Any) -> Array:
    matrix = kernel.reshape(-1, kernel.shape[-1])

    def product(padded: Array) -> Array:
        return _multiply(jnp.concatenate(_moved(padded, kernel), axis=-1), matrix, precision).astype(padded.dtype)

    rows = len(padded)
    size = padded[0].size * kernel.shape[0] * kernel.shape[1] * padded.dtype.itemsize
    at_once = max(1, min(rows, BUDGET_BYTES // size))
    if at_once == rows:
        return product(padded)
    # Of equal parts.
    at_once = next(count for count in range(at_once, 0, -1) if rows % count == 0)
    parts = jax.lax.map(jax.checkpoint(product), padded.reshape(-1, at_once, *padded.shape[1:]))
    return parts.reshape(rows, *parts.shape[2:])


def _winograd(padded: Array, kernel: Array, *, precision: Any) -> Array:
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
    wide = jnp.promote_types(padded.dtype, jnp.float32)
    products = jnp.einsum(
        "abnc,abcd->abnd",
        seen.reshape(4, 4, -1, channels),
        weights,
        precision=precision,
        preferred_element_type=wide,
    )
    y = jnp.einsum("xa,yb,abnd->xynd", out.astype(wide), out.astype(wide), products)
    y = y.reshape(2, 2, rows, down, across, -1).transpose(2, 3, 0, 4, 1, 5)
    return y.reshape(rows, 2 * down, 2 * across, -1)[:, :out_height, :out_width].astype(padded.dtype)
