"""Reflection padding of images, which image-to-image networks have instead of zeros at their borders."""

import jax.numpy as jnp
from jax import Array


def reflect_pad(x: Array, width: int) -> Array:
    """Mirrors ``width`` pixels over each border, the border's own pixel not repeated.

    Args:
      x: [B, H, W, C].
      width: pixels a side.

    Returns:
      [B, H + 2 * width, W + 2 * width, C].

    Raises:
      ValueError: where the image has too few pixels to mirror.
    """
    if min(x.shape[1:3]) <= width:
        raise ValueError(
            f"reflection of {width} pixels needs sides of at least {width + 1}, got {x.shape[1]}x{x.shape[2]}: give "
            "larger images, or a network that halves them fewer times"
        )
    return jnp.pad(x, ((0, 0), (width, width), (width, width), (0, 0)), mode="reflect")
