"""Batch layouts that move no data between devices.

Latents drawn inside a jitted step have no sharding of their own, and a batch that is cut in blocks or concatenated has
to be moved. Constraining what is born inside the step, and splitting and joining interleaved, costs no communication.
"""

import math

import jax
import jax.numpy as jnp
from jax import Array
from jax.sharding import PartitionSpec as P

from jaxgan.parallel.mesh import AXES

ROWS = ("data", "fsdp")
BATCH = P(ROWS)

# Fewer rows of an image on a device than this, and a convolution's borders are most of what it holds.
_LEAST_ROWS = 4


def inside_mesh() -> bool:
    """Whether a (data, fsdp, spatial) mesh is set around the code being traced (``jax.set_mesh``)."""
    mesh = jax.sharding.get_abstract_mesh()
    return set(AXES) <= set(mesh.axis_names)


def rows_per_device(batch: int) -> int:
    """How many of ``batch`` rows a device of the mesh that is set holds, rounded up; all of them where none is."""
    if not inside_mesh():
        return batch
    return -(-batch // _ways())


def _ways() -> int:
    """Into how many parts the mesh that is set splits a batch."""
    sizes = jax.sharding.get_abstract_mesh().shape
    return math.prod(sizes[axis] for axis in ROWS)


def _layout(shape: tuple[int, ...], lead: tuple[None, ...] = ()) -> P:
    if shape[len(lead)] % _ways():
        return P()
    spatial = jax.sharding.get_abstract_mesh().shape["spatial"]
    image = len(shape) == len(lead) + 4
    height = shape[len(lead) + 1] if image else 0
    if spatial > 1 and height % spatial == 0 and height >= _LEAST_ROWS * spatial:
        return P(*lead, ROWS, "spatial")
    return P(*lead, ROWS)


def shard_batch(x: Array) -> Array:
    """Constrains the leading axis of ``x`` [B, ...] to be split over the mesh; the identity where no mesh is set. A
    batch that the devices do not divide is whole on each of them.

    Where the mesh has a ``spatial`` axis, the height of [B, H, W, C] is split over it too, unless that leaves a device
    fewer than four rows.
    """
    return jax.lax.with_sharding_constraint(x, _layout(x.shape)) if inside_mesh() else x


def split_interleaved(x: Array, parts: int) -> Array:
    """Splits [parts * B, ...] into [parts, B, ...]: part k takes the rows k, k + parts, k + 2 parts, ...

    Raises:
      ValueError: where the leading axis is no multiple of ``parts``.
    """
    if x.shape[0] % parts:
        raise ValueError(f"cannot split a batch of {x.shape[0]} rows into {parts} equal parts")
    rows = x.shape[0] // parts
    split = jnp.moveaxis(x.reshape(rows, parts, *x.shape[1:]), 1, 0)
    return jax.lax.with_sharding_constraint(split, _layout(split.shape, (None,))) if inside_mesh() else split


def join_interleaved(*parts: Array) -> Array:
    """Joins k arrays [B, ...] into [k * B, ...], row by row in turn: the inverse of :func:`split_interleaved`."""
    joined = jnp.stack(parts, axis=1)
    return shard_batch(joined.reshape(-1, *joined.shape[2:]))
