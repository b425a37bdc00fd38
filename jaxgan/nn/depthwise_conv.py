"""Depthwise convolution: a filter of its own for every channel."""

import jax.numpy as jnp
from jax import Array


def depthwise_conv(x: Array, kernel: Array) -> Array:
    """A convolution of stride one, zeros outside, each channel by itself: [B, H, W, C] and [k, k, C] -> [B, H, W, C].

    Written as k * k shifted products, which XLA fuses into one pass, rather than as a convolution of as many groups as
    channels.

    Raises:
      ValueError: on an even k.
    """
    side = kernel.shape[0]
    if side % 2 == 0:
        raise ValueError(f"a kernel of {side} pixels has no middle: give an odd side")
    height, width = x.shape[1:3]
    half, kernel = side // 2, kernel.astype(x.dtype)
    padded = jnp.pad(x, ((0, 0), (half, half), (half, half), (0, 0)))
    return sum(
        (
            padded[:, row : row + height, column : column + width] * kernel[row, column][None, None, None]
            for row in range(side)
            for column in range(side)
        ),
        jnp.zeros((), x.dtype),
    )
