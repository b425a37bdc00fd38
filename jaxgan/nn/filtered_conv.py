"""Convolutions that double or halve the resolution and filter, as StyleGAN2's (Karras et al. 2020, arXiv:1912.04958,
appendix B; code NVlabs/stylegan2-ada-pytorch, ``torch_utils/ops/conv2d_resample.py``).

Up is a fractionally strided convolution and then the filter, down is the filter and then a strided convolution. Each
has two forms that are equal up to rounding:

  strided   one convolution with a dilated input, or with a stride
  phases    convolutions of each phase of the kernel, which have neither: on XLA:CPU the gradients of strided and
            dilated convolutions leave the fast path
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import Array

from jaxgan.nn.upfirdn import BINOMIAL, upfirdn
from jaxgan.parallel import platform

FORMS = ("strided", "phases")
_NHWC = ("NHWC", "HWIO", "NHWC")


def convolve(x: Array, kernel: Array, *, padding: int = 0, groups: int = 1) -> Array:
    """[B, H, W, C] with a kernel [k, k, C / groups, D]."""
    pads = ((padding, padding),) * 2
    return jax.lax.conv_general_dilated(x, kernel, (1, 1), pads, dimension_numbers=_NHWC, feature_group_count=groups)


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


def up_conv(x: Array, kernel: Array, *, taps: Sequence[float] = BINOMIAL, form: str = "auto", groups: int = 1) -> Array:
    """[B, H, W, C] with a kernel [3, 3, C / groups, D] -> [B, 2H, 2W, D]: every pixel adds its kernel, two pixels from
    the next one's, and the filter follows.
    """
    spread = _spread(x, kernel, choose_form(form), groups)
    count, side = len(taps), kernel.shape[0]
    before = side // 2 + (count + 1) // 2 - (side - 1)
    after = side // 2 + (count - 2) // 2 - (side - 2)
    return upfirdn(spread, taps, pads=(before, after), gain=4.0)


def _spread(x: Array, kernel: Array, form: str, groups: int) -> Array:
    """[B, 2 (H - 1) + k, 2 (W - 1) + k, D], k the kernel's side."""
    side = kernel.shape[0]
    if form == "strided":
        return jax.lax.conv_general_dilated(
            x,
            kernel[::-1, ::-1],
            (1, 1),
            ((side - 1, side - 1),) * 2,
            lhs_dilation=(2, 2),
            dimension_numbers=_NHWC,
            feature_group_count=groups,
        )
    height, width = (2 * (n - 1) + side for n in x.shape[1:3])
    rows = []
    for row in (0, 1):
        columns = []
        for column in (0, 1):
            part = kernel[row::2, column::2][::-1, ::-1]
            pads = [(n - 1, n - 1) for n in part.shape[:2]]
            found = jax.lax.conv_general_dilated(
                x, part, (1, 1), pads, dimension_numbers=_NHWC, feature_group_count=groups
            )
            # The phase of fewer taps has a place less.
            more = [(0, (side + 1) // 2 - n) for n in part.shape[:2]]
            columns.append(jnp.pad(found, ((0, 0), *more, (0, 0))))
        rows.append(jnp.stack(columns, axis=3))
    joined = jnp.stack(rows, axis=2)
    b, h, _, w, _, d = joined.shape
    return joined.reshape(b, 2 * h, 2 * w, d)[:, :height, :width]


def conv_down(x: Array, kernel: Array, *, taps: Sequence[float] = BINOMIAL, form: str = "auto") -> Array:
    """[B, H, W, C] with a kernel [k, k, C, D], k odd, -> [B, H / 2, W / 2, D]: the filter, and every second place of
    the convolution.

    Raises:
      ValueError: on odd sizes.
    """
    if x.shape[1] % 2 or x.shape[2] % 2:
        raise ValueError(f"conv_down needs even height and width, got {x.shape[1]}x{x.shape[2]}")
    side, count = kernel.shape[0], len(taps)
    before, after = side // 2 + (count - 1) // 2, side // 2 + (count - 2) // 2
    if side == 1:
        return convolve(upfirdn(x, taps, down=2, pads=(before, after)), kernel)
    smooth = upfirdn(x, taps, pads=(before, after))
    if choose_form(form) == "strided":
        return jax.lax.conv_general_dilated(smooth, kernel, (2, 2), "VALID", dimension_numbers=_NHWC)
    height, width = x.shape[1] // 2, x.shape[2] // 2
    parts = []
    for row in (0, 1):
        for column in (0, 1):
            part = kernel[row::2, column::2]
            own = smooth[:, row::2, column::2][:, : height + part.shape[0] - 1, : width + part.shape[1] - 1]
            parts.append(convolve(own, part))
    return sum(parts[1:], parts[0])
