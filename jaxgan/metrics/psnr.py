"""Peak signal-to-noise ratio."""

import jax.numpy as jnp
from jax import Array

from jaxgan.metrics.float_images import as_floats


def psnr(x: Array, y: Array, *, data_range: float) -> Array:
    """10 log10(data_range^2 / mean squared error) of each pair, in decibels; infinite where two images are equal.

    Args:
      x, y: [B, H, W, C] uint8 or float.
      data_range: the greatest possible difference of two pixels: 255 for uint8, 2 for images in [-1, 1].

    Returns:
      [B] float32, or float64 where x and y are float64.

    Raises:
      ValueError: where shapes differ or data_range is not positive.
    """
    if x.ndim != 4 or x.shape != y.shape:
        raise ValueError(f"images must be of one shape [B, H, W, C], got {x.shape} and {y.shape}")
    if data_range <= 0:
        raise ValueError(f"data_range must be above 0, got {data_range}; it is 255 for uint8, 2 for [-1, 1]")
    # Integers of eight bits wrap around where they are subtracted.
    x, y = as_floats(x, y)
    error = jnp.square((x - y) / data_range).mean((1, 2, 3))
    return -10.0 * jnp.log10(error)
