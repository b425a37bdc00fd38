"""NaN and infinity in a state, found inside a step."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array


def all_finite(tree: Any) -> Array:
    """[] bool: whether every floating-point array of ``tree`` is free of NaN and infinity."""
    leaves = [x for x in jax.tree.leaves(tree) if jnp.issubdtype(x.dtype, jnp.inexact)]
    return jnp.stack([jnp.isfinite(x).all() for x in leaves]).all() if leaves else jnp.bool_(True)
