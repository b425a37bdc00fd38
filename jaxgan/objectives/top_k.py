"""Top-k training: the generator learns from its most realistic images only (Sinha et al. 2020,
arXiv:2002.06224).
"""

import jax
import jax.numpy as jnp
from jax import Array


def top_k_weights(logits: Array, fraction: float | Array) -> Array:
    """Weights under which a sum over the batch is the mean over its k largest logits.

    k is ``fraction`` of the batch, rounded down, at least 1; of equal logits the earlier counts as larger, so that k
    are always taken. The shape doesn't depend on k: every image is computed, and the rest are weighed 0.

    Args:
      logits: [B] of generated images.
      fraction: [] in (0, 1], which may be traced; see :func:`top_k_fraction`.

    Returns:
      [B] float32, 1 / k or 0, without gradient.

    Raises:
      ValueError: where logits aren't [B].
    """
    if logits.ndim != 1:
        raise ValueError(f"logits must be [B], got {logits.shape}; of several an image take the mean")
    size = logits.shape[0]
    # What is a whole number except for rounding, such as (14 / 23) * 23 in float32, is that number.
    k = jnp.clip(jnp.floor(fraction * size + 1e-3), 1, size)
    rank = jnp.argsort(jnp.argsort(-logits))
    return (rank.astype(jnp.float32) < k).astype(jnp.float32) / k


def top_k_fraction(step: int | Array, steps_per_epoch: int, *, decay: float = 0.99, minimum: float = 0.5) -> Array:
    """max(decay^epoch, minimum), the epoch being that of ``step`` (arXiv:2002.06224).

    Args:
      step: [], completed steps.
      steps_per_epoch: generator steps in which the data is seen once.
      decay: gamma, of each epoch.
      minimum: nu, the least fraction.

    Returns:
      [] float32.

    Raises:
      ValueError: where ``steps_per_epoch`` is less than 1.
    """
    if steps_per_epoch < 1:
        raise ValueError(f"steps_per_epoch={steps_per_epoch}: give 1 or more")
    epoch = jnp.asarray(step) // steps_per_epoch
    return jnp.maximum(jax.lax.pow(jnp.float32(decay), epoch), minimum)
