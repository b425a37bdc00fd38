"""A weight or a temperature that changes along a cosine while a network trains."""

from collections.abc import Callable

import jax.numpy as jnp
from jax import Array


def cosine_ramp(first: float, last: float, steps: int) -> Callable[[Array], Array]:
    """(step) -> ``first`` at step 0, ``last`` from ``steps`` on, half a cosine between."""

    def value(step: Array) -> Array:
        share = jnp.clip(step.astype(jnp.float32) / max(steps, 1), 0, 1)
        return last + (first - last) * (1 + jnp.cos(jnp.pi * share)) / 2

    return value
