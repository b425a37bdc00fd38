"""Convolutions of stride two, and fractionally strided ones, without padding.

Each has two forms that are equal up to rounding:

  strided   one convolution with a stride, or of a dilated input
  phases    convolutions of each phase of the kernel, which have neither: on XLA:CPU the gradients of strided and
            dilated convolutions leave the fast path. So does the kernel's gradient of a convolution that pads both
            sides by its kernel's, which is the gradient of one that pads neither: here each gives as many places as it
            takes, and its derivatives of any order do.
"""

import jax
import jax.numpy as jnp
from jax import Array

from jaxgan.parallel import platform

FORMS = ("strided", "phases")
NHWC = ("NHWC", "HWIO", "NHWC")


def choose_form(form: str) -> str:
    """'auto' is 'phases' on a CPU, else 'strided'.

    Raises:
      ValueError: on another form.
    """
    if form == "auto":
        return "phases" if platform() == "cpu" else "strided"
    if form not in FORMS:
        raise ValueError(f"form={form!r}; choose from auto, {', '.join(FORMS)}")
    return form


def _same(x: Array, kernel: Array, *, before: bool, groups: int = 1) -> Array:
    """A convolution of as many places as ``x``, with zeros before them or after."""
    pads = [(n - 1, 0) if before else (0, n - 1) for n in kernel.shape[:2]]
    return jax.lax.conv_general_dilated(x, kernel, (1, 1), pads, dimension_numbers=NHWC, feature_group_count=groups)


def conv_stride_two(x: Array, kernel: Array, *, form: str = "auto") -> Array:
    """Every second place of a convolution.

    Args:
      x: [B, H, W, C] float.
      kernel: [k, l, C, D].
      form: one of ``FORMS``, or 'auto'.

    Returns:
      [B, (H - k) // 2 + 1, (W - l) // 2 + 1, D].
    """
    if choose_form(form) == "strided":
        return jax.lax.conv_general_dilated(x, kernel, (2, 2), "VALID", dimension_numbers=NHWC)
    height, width = ((n - k) // 2 + 1 for n, k in zip(x.shape[1:3], kernel.shape[:2]))
    parts = []
    for row in range(min(2, kernel.shape[0])):
        for column in range(min(2, kernel.shape[1])):
            part = kernel[row::2, column::2]
            own = x[:, row::2, column::2][:, : height + part.shape[0] - 1, : width + part.shape[1] - 1]
            parts.append(_same(own, part, before=False)[:, :height, :width])
    return sum(parts[1:], parts[0])


def conv_spread_two(x: Array, kernel: Array, *, form: str = "auto", groups: int = 1) -> Array:
    """A fractionally strided convolution: every place adds its kernel, two places from the next one's.

    Args:
      x: [B, H, W, C] float.
      kernel: [k, l, C / groups, D], k and l at least 2.
      form: one of ``FORMS``, or 'auto'.
      groups: of channels, each with kernels of its own.

    Returns:
      [B, 2 (H - 1) + k, 2 (W - 1) + l, D].
    """
    tall, wide = kernel.shape[:2]
    if choose_form(form) == "strided":
        return jax.lax.conv_general_dilated(
            x,
            kernel[::-1, ::-1],
            (1, 1),
            ((tall - 1, tall - 1), (wide - 1, wide - 1)),
            lhs_dilation=(2, 2),
            dimension_numbers=NHWC,
            feature_group_count=groups,
        )
    # As many places as the phase of the most taps has.
    padded = jnp.pad(x, ((0, 0), (0, (tall - 1) // 2), (0, (wide - 1) // 2), (0, 0)))
    rows = []
    for row in (0, 1):
        columns = []
        for column in (0, 1):
            columns.append(_same(padded, kernel[row::2, column::2][::-1, ::-1], before=True, groups=groups))
        rows.append(jnp.stack(columns, axis=3))
    joined = jnp.stack(rows, axis=2)
    b, h, _, w, _, d = joined.shape
    height, width = 2 * (x.shape[1] - 1) + tall, 2 * (x.shape[2] - 1) + wide
    return joined.reshape(b, 2 * h, 2 * w, d)[:, :height, :width]
