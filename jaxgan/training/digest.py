"""Content of a state in two numbers a leaf, since checkpoints come back from disk with flipped bits and no error; and
whether it is finite.

Two weighted sums modulo 2^32 over the bits of each leaf. Weights are odd, so that any single flipped bit changes the
sum; they depend on a value's index alone, so that the digest is the same under every sharding.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array


def _words(x: Array) -> Array:
    """The bits of ``x`` as uint32, of the same shape (64-bit types fold their halves)."""
    if x.dtype == jnp.bool_:
        return x.astype(jnp.uint32)
    bits = jax.lax.bitcast_convert_type(x, jnp.dtype(f"uint{8 * x.dtype.itemsize}"))
    if x.dtype.itemsize == 8:
        return (bits ^ (bits >> 32)).astype(jnp.uint32)
    return bits.astype(jnp.uint32)


@jax.jit
def _leaf(x: Array) -> Array:
    """[3] uint32: two sums, and whether all of ``x`` is finite. One small program a shape, not one of all leaves, which
    would take longer to compile than all else of a first save.
    """
    words = _words(x)
    # Built from iotas, not by reshaping: a reshape of an inner-sharded array would gather it.
    index = jnp.zeros(x.shape, jnp.uint32)
    stride = 1
    for axis in reversed(range(x.ndim)):
        index += jax.lax.broadcasted_iota(jnp.uint32, x.shape, axis) * jnp.uint32(stride % 2**32)
        stride *= x.shape[axis]
    first = (words * (2 * index + 1)).sum(dtype=jnp.uint32)
    # Mixed first, or an even number of flipped top bits would cancel in both sums.
    mixed = words ^ (words >> 16)
    mixed = mixed * jnp.uint32(0x7FEB352D)
    mixed = (mixed ^ (mixed >> 15)) + index
    second = ((mixed ^ (mixed >> 13)) * ((index * jnp.uint32(2654435761)) | 1)).sum(dtype=jnp.uint32)
    finite = jnp.isfinite(x).all() if jnp.issubdtype(x.dtype, jnp.inexact) else jnp.bool_(True)
    return jnp.stack([first, second, finite.astype(jnp.uint32)])


def _examined(tree: Any) -> dict[str, tuple[int, int, int]]:
    paths_leaves = jax.tree_util.tree_leaves_with_path(tree)
    values = [np.asarray(value).tolist() for value in [_leaf(leaf) for _, leaf in paths_leaves]]
    names = [jax.tree_util.keystr(path, simple=True, separator="/") for path, _ in paths_leaves]
    return dict(zip(names, values))


def digest(tree: Any) -> dict[str, list[int]]:
    """Path -> two uint32 sums, for every array of ``tree``; the same for every sharding of it."""
    return {name: [first, second] for name, (first, second, _) in _examined(tree).items()}


def non_finite(tree: Any) -> list[str]:
    """The paths of the arrays of ``tree`` that hold NaN or infinity; the same on every process."""
    return [name for name, (_, _, finite) in _examined(tree).items() if not finite]
