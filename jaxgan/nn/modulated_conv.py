"""Modulated convolution: each example scales the kernel's inputs, and its outputs are brought back to unit variance
(StyleGAN2: Karras et al. 2020, arXiv:1912.04958, section 2.2, eq. 1 to 3).
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import Array

from jaxgan.nn.filtered_conv import convolve, up_conv
from jaxgan.nn.upfirdn import BINOMIAL

FORMS = ("scaled", "grouped")


def demodulation(kernel: Array, styles: Array, *, eps: float = 1e-8) -> Array:
    """[B, D]: one over the length of each output's weights of a kernel [k, k, C, D] times styles [B, C] (eq. 3)."""
    squared = jnp.square(kernel).sum((0, 1))
    return jax.lax.rsqrt(jnp.square(styles) @ squared + eps)


def modulated_conv(
    x: Array,
    kernel: Array,
    styles: Array,
    *,
    demodulate: bool = True,
    up: bool = False,
    taps: Sequence[float] = BINOMIAL,
    form: str = "scaled",
) -> Array:
    """A convolution of stride one with a kernel of each example's own.

    The forms are the same function up to rounding. 'scaled' scales what goes in and what comes out of one convolution
    of the whole batch; 'grouped' makes the weights of each example and convolves examples as groups of channels, which
    are products as small as one example's. On two CPU cores 'scaled' is 1.3 to 7 times as fast, and 4 to 9 times with
    all gradients (five layers of StyleGAN2, ``docs/measure/modulated_forms.py --batch=4 --rounds=2``).

    Where ``x`` is of 16 bits, kernel and styles are divided by their largest absolute values before demodulation, which
    takes it back, so that nothing overflows (arXiv:2006.06676, appendix F; code NVlabs/stylegan2-ada-pytorch).

    Args:
      x: [B, H, W, C] float.
      kernel: [k, k, C, D] float32, k odd.
      styles: [B, C] float32.
      demodulate: whether outputs are divided by the length of their weights.
      up: doubles the resolution, with the filter ``taps``; see :func:`jaxgan.nn.filtered_conv.up_conv`.
      taps: of the filter.
      form: one of ``FORMS``.

    Returns:
      [B, H, W, D] of the dtype of ``x``, or twice as high and wide.

    Raises:
      ValueError: on another form.
    """
    if form not in FORMS:
        raise ValueError(f"form={form!r} of a modulated convolution; choose from {', '.join(FORMS)}")
    kernel, styles = kernel.astype(jnp.float32), styles.astype(jnp.float32)
    if demodulate and x.dtype in (jnp.float16, jnp.bfloat16):
        fan_in = kernel[..., 0].size
        kernel = kernel / (jnp.abs(kernel).max((0, 1, 2), keepdims=True) * fan_in**0.5)
        styles = styles / jnp.abs(styles).max(1, keepdims=True)
    scale = demodulation(kernel, styles) if demodulate else None
    side = kernel.shape[0]
    if form == "scaled":
        scaled = x * styles.astype(x.dtype)[:, None, None]
        weights = kernel.astype(x.dtype)
        y = up_conv(scaled, weights, taps=taps) if up else convolve(scaled, weights, padding=side // 2)
        return y if scale is None else y * scale.astype(x.dtype)[:, None, None]
    rows, height, width, channels = x.shape
    own = kernel[None] * styles[:, None, None, :, None]
    own = own if scale is None else own * scale[:, None, None, None]
    # Examples after one another as groups of channels: [1, H, W, B C] and [k, k, C, B D].
    weights = jnp.moveaxis(own, 0, 3).reshape(side, side, channels, -1).astype(x.dtype)
    joined = jnp.moveaxis(x, 0, 2).reshape(1, height, width, rows * channels)
    if up:
        y = up_conv(joined, weights, taps=taps, groups=rows)
    else:
        y = convolve(joined, weights, padding=side // 2, groups=rows)
    return jnp.moveaxis(y.reshape(*y.shape[1:3], rows, -1), 2, 0)
