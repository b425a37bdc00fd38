"""Fractionally-strided ("transposed") convolutions that double the resolution (DCGAN, arXiv:1511.06434).

Each is the transpose of a convolution of stride two and padding (k - 1) // 2: torch's ``ConvTranspose2d(4, 2, 1)`` and
``ConvTranspose2d(5, 2, 2, output_padding=1)``, with the kernel turned by half. Two forms, equal up to rounding:

  strided   one convolution of the zero-dilated input, which XLA lowers to the gradient of a strided one
  phases    four convolutions, one for each phase of the output, with every other tap of the kernel along each axis; on
            XLA:CPU the gradients of a dilated convolution leave the fast path, and these do not
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxgan.nn.spectral_norm import Conv
from jaxgan.parallel import platform

FORMS = ("strided", "phases")

_NHWC = ("NHWC", "HWIO", "NHWC")


def transposed_padding(kernel: int) -> tuple[int, int]:
    """Zeros before and after the zero-dilated input, along each axis, for a kernel of side ``kernel``."""
    low = kernel - 1 - (kernel - 1) // 2
    return low, kernel - low


def _taps(kernel: int, phase: int) -> tuple[int, tuple[int, int]]:
    """The first of the taps, every other one, that outputs of ``phase`` read, and the padding of their convolution."""
    low = transposed_padding(kernel)[0]
    first = (low - phase) % 2
    offset = (phase - low + first) // 2
    return first, (-offset, len(range(first, kernel, 2)) - 1 + offset)


def fractional_conv(x: Array, kernel: Array, *, form: str, precision: Any = None) -> Array:
    """Doubles the resolution.

    Args:
      x: [B, H, W, C] float.
      kernel: [k, k, C, D] float.
      form: one of ``FORMS``.
      precision: as in ``jax.lax.conv_general_dilated``.

    Returns:
      [B, 2H, 2W, D].

    Raises:
      ValueError: on an unknown form, or a kernel that is not square or of less than two taps.
    """
    if form not in FORMS:
        raise ValueError(f"unknown form {form!r} of a fractional convolution; choose from {', '.join(FORMS)}")
    side = kernel.shape[0]
    if kernel.shape[1] != side or side < 2:
        raise ValueError(f"a square kernel of two taps or more is needed, got {list(kernel.shape)}")

    def convolve(kernel: Array, padding: tuple[tuple[int, int], ...], dilation: int = 1) -> Array:
        return jax.lax.conv_general_dilated(
            x,
            kernel,
            (1, 1),
            padding,
            lhs_dilation=(dilation, dilation),
            dimension_numbers=_NHWC,
            precision=precision,
        )

    if form == "strided":
        return convolve(kernel, (transposed_padding(side),) * 2, dilation=2)
    rows = []
    for first_row, row_padding in (_taps(side, 0), _taps(side, 1)):
        row = [
            convolve(kernel[first_row::2, first::2], (row_padding, padding))
            for first, padding in (_taps(side, 0), _taps(side, 1))
        ]
        rows.append(jnp.stack(row, axis=3))
    b, h, w, _ = x.shape
    return jnp.stack(rows, axis=2).reshape(b, 2 * h, 2 * w, kernel.shape[-1])


def up_conv(features: int, kernel: int, *, resample: str = "auto", **fields: Any) -> Conv:
    """A layer that computes :func:`fractional_conv`: [B, H, W, C] -> [B, 2H, 2W, features].

    Args:
      features: output channels.
      kernel: side of the kernel.
      resample: 'auto' ('phases' on CPU, 'strided' elsewhere), or one of ``FORMS``.
      **fields: other fields of :class:`jaxgan.nn.Conv`.

    Raises:
      ValueError: on another word.
    """
    if resample not in ("auto", *FORMS):
        raise ValueError(f"resample={resample!r}; choose from auto, {', '.join(FORMS)}")
    form = resample
    if resample == "auto":
        form = "phases" if platform() == "cpu" else "strided"

    def convolve(x: Array, weight: Array, *_: Any, **options: Any) -> Array:
        return fractional_conv(x, weight, form=form, precision=options["precision"])

    padding = (transposed_padding(kernel),) * 2
    return Conv(
        features,
        (kernel, kernel),
        padding=padding,
        input_dilation=(2, 2),
        conv_general_dilated=convolve,
        **fields,
    )
