"""Distances between all rows of two sets of features, block by block in float64, never all at once.

Query rows are split over the mesh that is set (``jax.set_mesh``); without one everything runs on one device. Squared
distances are |x|^2 + |y|^2 - 2 x.y, whose rounding is proportional to |x|^2 + |y|^2: comparisons treat what differs by
less than that as equal, so that ties and exact copies count the same on any device and in any blocking.
"""

from collections.abc import Iterator
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxgan.parallel import gather, inside_mesh, shard_batch, to_host

BLOCK = 1024


def check_features(**sets: np.ndarray) -> tuple[np.ndarray, ...]:
    """Fetches named sets of features as numpy [N, D] float32 or float64.

    Raises:
      ValueError: naming the set that is not [N, D] float with N and D at least 1, that has values that are not finite,
        or that differs in D from the first.
    """
    checked: list[np.ndarray] = []
    for name, given in sets.items():
        x = np.asarray(given)
        if x.ndim != 2 or 0 in x.shape or not jnp.issubdtype(x.dtype, jnp.floating):
            raise ValueError(f"{name} must be features [N, D] of float, got {x.dtype} {x.shape}; one row per image")
        x = x if x.dtype == np.float64 else x.astype(np.float32)
        finite = np.isfinite(x).all(1)
        if not finite.all():
            raise ValueError(
                f"{name} has {np.sum(~finite)} of {len(x)} rows that are not finite (the first is row "
                f"{np.argmin(finite)}); check the images that they come from"
            )
        if checked and x.shape[1] != checked[0].shape[1]:
            raise ValueError(
                f"{name} has {x.shape[1]} features per row and {next(iter(sets))} has {checked[0].shape[1]}; both must "
                "come from the same network and layer"
            )
        checked.append(x)
    return tuple(checked)


def nearest_rows(
    queries: np.ndarray, among: np.ndarray, k: int, *, exclude_self: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """The k nearest rows of a set, nearest first; of equals, the earlier row first.

    Args:
      queries: [N, D] float, checked.
      among: the set, [M, D] float, checked.
      k: at least 1, at most the rows to choose from.
      exclude_self: whether row i of the set is no neighbour of query i: for neighbours within one set.

    Returns:
      ``(squared distances [N, k] float64, rows of the set [N, k] int)``.

    Raises:
      ValueError: where the set has too few rows.
    """
    available = len(among) - exclude_self
    if not 1 <= k <= available:
        raise ValueError(f"k={k} nearest of {available} rows: choose k within 1 to {available}, or give more rows")
    found = []
    with jax.enable_x64(True):
        among_blocks = [(start, _whole(block)) for start, block in _blocks(among, min(BLOCK, len(among)))]
        for first, block in _query_blocks(queries):
            best = (np.full((len(block), k), np.inf), np.full((len(block), k), -1))
            x = _split(block)
            for start, y in among_blocks:
                best = _fold_nearest(best, x, y, first, start, len(among), k, exclude_self)
            found.append(to_host(best))
    squared, rows = (np.concatenate(parts)[: len(queries)] for parts in zip(*found))
    return squared, rows


def ball_counts(
    queries: np.ndarray, centres: np.ndarray, squared_radii: np.ndarray, *, closed: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Counts of queries in balls: balls per query, and queries per ball.

    Args:
      queries: [N, D] float, checked.
      centres: [M, D] float, checked.
      squared_radii: [M] float64.
      closed: whether the surface belongs to the ball.

    Returns:
      ``(per query [N] int: balls that hold it, per centre [M] int: queries that its ball holds)``.
    """
    size = min(BLOCK, len(centres))
    per_query, per_centre = [], np.zeros(-(-len(centres) // size) * size, np.int64)
    with jax.enable_x64(True):
        # Padded centres get balls that hold nothing, and padded queries count for none.
        radii = [block for _, block in _blocks(squared_radii, size, fill=-np.inf)]
        balls = [(start, _whole(block), r) for (start, block), r in zip(_blocks(centres, size), radii)]
        for first, block in _query_blocks(queries):
            x = _split(block)
            counted = first + np.arange(len(block)) < len(queries)
            counts = to_host([_count(x, y, r, counted, closed) for _, y, r in balls])
            per_query.append(sum(of_query for of_query, _ in counts))
            for (start, _, _), (_, of_centre) in zip(balls, counts):
                per_centre[start : start + size] += of_centre
    return np.concatenate(per_query)[: len(queries)], per_centre[: len(centres)]


def _blocks(x: np.ndarray, size: int, fill: float = 0.0) -> Iterator[tuple[int, np.ndarray]]:
    """The first row and the rows of each block of ``size``, the last one padded with ``fill``."""
    for first in range(0, len(x), size):
        block = x[first : first + size]
        pad = ((0, size - len(block)),) + ((0, 0),) * (x.ndim - 1)
        yield first, np.pad(block, pad, constant_values=fill)


def _query_blocks(x: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Blocks that the mesh divides, up to BLOCK rows a device."""
    ways = jax.sharding.get_abstract_mesh().size if inside_mesh() else 1
    return _blocks(x, ways * min(BLOCK, -(-len(x) // ways)))


# Places a block on the devices once, however often it is used; over several processes, too.
_whole = jax.jit(gather)
_split = jax.jit(shard_batch)


def _squared_distances(x: Array, y: Array) -> tuple[Array, Array]:
    """[B, D], [C, D] -> squared distances [B, C] float64 and a bound on their rounding [B, C]."""
    x, y = x.astype(jnp.float64), y.astype(jnp.float64)
    norms = jnp.sum(x * x, 1)[:, None] + jnp.sum(y * y, 1)[None]
    products = jnp.matmul(x, y.T, precision=jax.lax.Precision.HIGHEST)
    rounding = x.shape[1] * jnp.finfo(jnp.float64).eps * norms
    return jnp.maximum(norms - 2 * products, 0.0), rounding


def _smallest(values: Array, k: int) -> tuple[Array, Array]:
    """The k smallest of each row [B, C] and their columns, in order; of equals, the earlier column first.

    k passes, since for float64 on CPU ``top_k`` sorts the whole row, which is ten times slower.
    """
    columns = jnp.arange(values.shape[1])[None]
    kept = []
    for _ in range(k):
        least = values.min(1, keepdims=True)
        at = jnp.where(values == least, columns, values.shape[1]).min(1, keepdims=True)
        kept.append((least, at))
        values = jnp.where(columns == at, jnp.inf, values)
    return jnp.concatenate([v for v, _ in kept], 1), jnp.concatenate([i for _, i in kept], 1)


@partial(jax.jit, static_argnums=(6, 7))
def _fold_nearest(
    best: tuple[Array, Array], x: Array, y: Array, first: int, start: int, count: int, k: int, exclude_self: bool
) -> tuple[Array, Array]:
    """The best [B, k] of those so far and of a block of the set that starts at row ``start``."""
    rows = start + jnp.arange(len(y))[None]
    d, _ = _squared_distances(x, y)
    barred = rows >= count
    if exclude_self:
        barred = barred | (rows == first + jnp.arange(len(x))[:, None])
    # Within the block first, so that no more than 2 k columns are copied into one array.
    d, columns = _smallest(jnp.where(barred, jnp.inf, d), k)
    d, kept = _smallest(jnp.concatenate([best[0], d], 1), k)
    ids = jnp.take_along_axis(jnp.concatenate([best[1], start + columns], 1), kept, 1)
    return shard_batch(d), shard_batch(ids)


@partial(jax.jit, static_argnums=4)
def _count(x: Array, y: Array, squared_radii: Array, counted: Array, closed: bool) -> tuple[Array, Array]:
    """Balls that hold each query [B] and queries in each ball [C]."""
    d, rounding = _squared_distances(x, y)
    within = d <= squared_radii[None] + rounding if closed else d < squared_radii[None] - rounding
    within = within & counted[:, None]
    return shard_batch(within.sum(1)), gather(within.sum(0))
