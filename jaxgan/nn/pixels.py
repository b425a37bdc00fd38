"""Convert uint8 images, outside the models, to and from [-1, 1] floats, inside them."""

import jax.numpy as jnp
from jax import Array


def from_uint8(images: Array) -> Array:
    """uint8 0..255 -> float32 in [-1, 1]: x / 127.5 - 1."""
    if images.dtype != jnp.uint8:
        raise TypeError(f"images at the edge are uint8, got {images.dtype}; scale floats yourself")
    return images.astype(jnp.float32) / 127.5 - 1.0


def to_uint8(images: Array) -> Array:
    """Float in [-1, 1] -> uint8 0..255, rounded to nearest, values outside the range clipped."""
    return jnp.clip(jnp.round((images.astype(jnp.float32) + 1.0) * 127.5), 0, 255).astype(jnp.uint8)
