"""NaN and infinity in a state, found on the device in one small program."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array


@jax.jit
def _finite(leaves: list[Array]) -> Array:
    return jnp.stack([jnp.isfinite(x).all() for x in leaves])


def non_finite(tree: Any) -> list[str]:
    """The names of the floating-point arrays of ``tree`` that hold NaN or infinity; the same on every process."""
    found = [
        (jax.tree_util.keystr(path, simple=True, separator="/"), leaf)
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
        if jnp.issubdtype(leaf.dtype, jnp.inexact)
    ]
    if not found:
        return []
    sound = np.asarray(_finite([leaf for _, leaf in found]))
    return [name for (name, _), ok in zip(found, sound) if not ok]


def all_finite(tree: Any) -> Array:
    """[] bool: whether every floating-point array of ``tree`` is free of NaN and infinity."""
    leaves = [x for x in jax.tree.leaves(tree) if jnp.issubdtype(x.dtype, jnp.inexact)]
    return jnp.stack([jnp.isfinite(x).all() for x in leaves]).all() if leaves else jnp.bool_(True)
