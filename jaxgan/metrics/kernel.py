"""Kernel distance between features (KID: Bińkowski et al. 2018, arXiv:1801.01401, section 4)."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxgan.metrics.pairwise import check_features
from jaxgan.parallel import gather, inside_mesh, shard_batch


class KernelDistance(NamedTuple):
    """The mean over blocks, their standard deviation (ddof 0, as torch-fidelity reports) and the mean's error.

    ``stderr`` is std / sqrt(blocks). Blocks are drawn independently of each other, so that they overlap where
    blocks * block_size exceeds the rows of a set: it then tells how well the mean over blocks is known for these rows,
    and understates how far other rows would give another mean.
    """

    mean: float
    std: float
    stderr: float


def kernel_distance(
    x: np.ndarray, y: np.ndarray, *, blocks: int = 100, block_size: int = 1000, seed: int = 2020
) -> KernelDistance:
    """Unbiased squared maximum mean discrepancy with the kernel (x.y / D + 1)^3, averaged over random blocks.

    Blocks are drawn as torch-fidelity draws them from its first and second input, in this order, and computed in
    float64; torch-fidelity computes in the features' float32, whose rounding shows in distances below 1e-3. An unbiased
    estimate of a small distance may be negative.

    Args:
      x: [N, D] float features.
      y: [M, D] float features.
      blocks: blocks drawn, each without replacement.
      block_size: rows of each set in a block.
      seed: of the draws.

    Raises:
      ValueError: on wrong ranks, unequal D, values that are not finite, or a block larger than a set.
    """
    x, y = check_features(x=x, y=y)
    fewest = min(len(x), len(y))
    if not 2 <= block_size <= fewest:
        raise ValueError(
            f"block_size={block_size} rows can't be drawn from sets of {len(x)} and {len(y)} rows; pass block_size "
            f"within 2 to {fewest}"
        )
    if blocks < 1:
        raise ValueError(f"blocks must be at least 1, got {blocks}")
    rng = np.random.RandomState(seed)
    pairs = [
        [rng.choice(len(s), block_size, replace=False) for s in (x, y)]  # x before y, block by block
        for _ in range(blocks)
    ]
    with jax.enable_x64(True):
        values = np.asarray(_block_distances(x, y, np.asarray(pairs)))
    std = float(values.std())
    return KernelDistance(float(values.mean()), std, std / float(np.sqrt(blocks)))


@jax.jit
def _block_distances(x: Array, y: Array, pairs: Array) -> Array:
    """[N, D], [M, D] and rows [blocks, 2, B] -> [blocks] float64."""

    def one(pair: Array) -> Array:
        a, b = x[pair[0]].astype(jnp.float64), y[pair[1]].astype(jnp.float64)
        size = len(a)
        within = (_off_diagonal(a) + _off_diagonal(b)) / (size * (size - 1))
        return within - 2 * _row_sums(a, b).sum() / size**2

    return gather(jax.lax.map(one, pairs))


def _off_diagonal(a: Array) -> Array:
    own = (jnp.sum(a * a, 1) / a.shape[1] + 1) ** 3
    return jnp.sum(_row_sums(a, a) - own)


def _row_sums(a: Array, b: Array) -> Array:
    """Sums [B] of the kernel over b's rows, with a's rows split over the mesh."""
    ways = jax.sharding.get_abstract_mesh().size if inside_mesh() else 1
    rows = shard_batch(jnp.pad(a, ((0, -len(a) % ways), (0, 0))))
    products = jnp.matmul(rows, b.T, precision=jax.lax.Precision.HIGHEST)
    return ((products / a.shape[1] + 1) ** 3).sum(1)[: len(a)]
