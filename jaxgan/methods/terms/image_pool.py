"""Image pool: D sees generated images of earlier steps too."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxgan.methods.regularizer import Conditioned, Regularizer
from jaxgan.parallel import shard_batch


def image_pool(*, size: int = 0, probability: float = 0.5) -> Regularizer | None:
    """A history of generated images (Shrivastava et al. 2017, arXiv:1612.07828, section 2.3; CycleGAN,
    arXiv:1703.10593: 50 of them); None where ``size`` is 0.

    Each row of the batch has a column of its own, of ``size`` images in ``extra['pool']``, so that no image moves
    between devices. A column fills first, and D sees the fresh images; then, with ``probability``, D sees one of the
    column's in a row and the fresh image takes its place. The references' one pool of 50 for batches of 1 is this with
    one column.

    Args:
      size: images a column.
      probability: of an old image, once a column is full.

    Raises:
      ValueError: on a negative size, or a probability outside [0, 1].
    """
    if size < 0 or not 0.0 <= probability <= 1.0:
        raise ValueError(f"pool size={size}, probability={probability}: give a size from 0 and a probability in [0, 1]")
    if size == 0:
        return None

    def init(nets: Any, fakes: Conditioned) -> dict[str, Any]:
        del nets
        rows = jax.tree.leaves(fakes)[0].shape[0]
        column = jax.tree.map(lambda x: jnp.zeros((x.shape[0], size, *x.shape[1:]), x.dtype), fakes)
        return {"by_row": {"column": column, "count": jnp.zeros((rows,), jnp.int32)}}

    def recall(fakes: Conditioned, extra: dict[str, Any], rng: Array) -> tuple[Conditioned, dict[str, Any]]:
        pool = extra["by_row"]
        rows = pool["count"].shape[0]
        coin_rng, slot_rng = jax.random.split(rng)
        full = pool["count"] >= size
        old = full & shard_batch(jax.random.bernoulli(coin_rng, probability, (rows,)))
        drawn = shard_batch(jax.random.randint(slot_rng, (rows,), 0, size))
        slot = jnp.where(full, drawn, pool["count"])
        # A one-hot product in place of gathers and scatters, which would move rows between devices.
        chosen = jnp.arange(size)[None] == slot[:, None]
        stored = chosen & (old | ~full)[:, None]

        def wide(mask: Array, x: Array) -> Array:
            return mask.reshape(*mask.shape, *(1,) * (x.ndim - 1))

        def shown(column: Array, fresh: Array) -> Array:
            earlier = jnp.where(wide(chosen, fresh), column, 0).sum(1).astype(fresh.dtype)
            return jnp.where(wide(old, fresh), earlier, fresh)

        def kept(column: Array, fresh: Array) -> Array:
            return jnp.where(wide(stored, fresh), fresh[:, None], column)

        columns = jax.tree.map(kept, pool["column"], fakes)
        count = jnp.minimum(pool["count"] + ~full, size)
        return jax.tree.map(shown, pool["column"], fakes), {"by_row": {"column": columns, "count": count}}

    return Regularizer("pool", recall=recall, init=init)
