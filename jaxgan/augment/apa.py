"""Adaptive pseudo augmentation (Jiang et al. 2021, arXiv:2111.06849): a discriminator that overfits is deceived by
generated images among the real ones. Its probability follows the mean sign of D on real images as ADA's does: see
:func:`jaxgan.augment.ada_update`.
"""

import jax
import jax.numpy as jnp
from jax import Array

from jaxgan.parallel import shard_batch


def apa_mix(reals: Array, fakes: Array, rng: Array, p: Array | float) -> Array:
    """Real examples, each replaced by a generated one with probability ``p``.

    Args:
      reals, fakes: [B, ...] float, of one shape.
      rng: a key.
      p: [] float in [0, 1], may be traced.

    Returns:
      [B, ...], of the dtype of ``reals``.

    Raises:
      ValueError: where the shapes differ.
    """
    if reals.shape != fakes.shape:
        raise ValueError(
            f"pseudo augmentation swaps rows of one shape, got reals {reals.shape} and fakes {fakes.shape}"
        )
    chosen = shard_batch(jax.random.uniform(rng, reals.shape[:1]) < p)
    return jnp.where(chosen.reshape(-1, *(1,) * (reals.ndim - 1)), fakes.astype(reals.dtype), reals)
