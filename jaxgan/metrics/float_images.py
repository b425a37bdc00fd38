"""Images as floats that are wide enough to be subtracted and squared."""

import jax.numpy as jnp
from jax import Array


def as_floats(*images: Array) -> tuple[Array, ...]:
    """Arrays of any dtype as float64 where any is, else as float32."""
    wide = any(x.dtype == jnp.float64 for x in images)
    return tuple(x.astype(jnp.float64 if wide else jnp.float32) for x in images)
