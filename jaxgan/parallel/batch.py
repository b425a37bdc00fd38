"""Batch layouts that move no data between devices.

Latents drawn inside a jitted step have no sharding of their own, and a batch that is cut in blocks or concatenated has
to be moved. Constraining what is born inside the step, and splitting and joining interleaved, costs no communication.
"""

import jax
import jax.numpy as jnp
from jax import Array
from jax.sharding import PartitionSpec as P

from jaxgan.parallel.mesh import AXES

BATCH = P(AXES)


def inside_mesh() -> bool:
    """Whether a (data, fsdp) mesh is set around the code being traced (``jax.set_mesh``)."""
    mesh = jax.sharding.get_abstract_mesh()
    return set(AXES) <= set(mesh.axis_names)


def shard_batch(x: Array) -> Array:
    """Constrains the leading axis of ``x`` [B, ...] to be split over the mesh; the identity where no mesh is set."""
    return jax.lax.with_sharding_constraint(x, BATCH) if inside_mesh() else x


def split_interleaved(x: Array, parts: int) -> Array:
    """Splits [parts * B, ...] into [parts, B, ...]: part k takes the rows k, k + parts, k + 2 parts, ...

    Raises:
      ValueError: where the leading axis is no multiple of ``parts``.
    """
    if x.shape[0] % parts:
        raise ValueError(f"cannot split a batch of {x.shape[0]} rows into {parts} equal parts")
    rows = x.shape[0] // parts
    split = jnp.moveaxis(x.reshape(rows, parts, *x.shape[1:]), 1, 0)
    return jax.lax.with_sharding_constraint(split, P(None, AXES)) if inside_mesh() else split


def join_interleaved(*parts: Array) -> Array:
    """Joins k arrays [B, ...] into [k * B, ...], row by row in turn: the inverse of :func:`split_interleaved`."""
    joined = jnp.stack(parts, axis=1)
    return shard_batch(joined.reshape(-1, *joined.shape[2:]))
