"""Convolutions that double or halve the resolution and filter, as StyleGAN2's (Karras et al. 2020, arXiv:1912.04958,
appendix B; code NVlabs/stylegan2-ada-pytorch, ``torch_utils/ops/conv2d_resample.py``).

Up is a fractionally strided convolution and then the filter, down is the filter and then a strided convolution, in the
forms of :mod:`jaxgan.nn.stride_two`.
"""

from collections.abc import Sequence

import jax
from jax import Array

from jaxgan.nn.stride_two import NHWC, conv_spread_two, conv_stride_two
from jaxgan.nn.upfirdn import BINOMIAL, upfirdn


def convolve(x: Array, kernel: Array, *, padding: int = 0, groups: int = 1) -> Array:
    """[B, H, W, C] with a kernel [k, k, C / groups, D]."""
    pads = ((padding, padding),) * 2
    return jax.lax.conv_general_dilated(x, kernel, (1, 1), pads, dimension_numbers=NHWC, feature_group_count=groups)


def up_conv(x: Array, kernel: Array, *, taps: Sequence[float] = BINOMIAL, form: str = "auto", groups: int = 1) -> Array:
    """[B, H, W, C] with a kernel [3, 3, C / groups, D] -> [B, 2H, 2W, D]: every pixel adds its kernel, two pixels from
    the next one's, and the filter follows.
    """
    spread = conv_spread_two(x, kernel, form=form, groups=groups)
    count, side = len(taps), kernel.shape[0]
    before = side // 2 + (count + 1) // 2 - (side - 1)
    after = side // 2 + (count - 2) // 2 - (side - 2)
    return upfirdn(spread, taps, pads=(before, after), gain=4.0)


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
    return conv_stride_two(smooth, kernel, form=form)
