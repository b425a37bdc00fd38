"""Gumbel-softmax: samples of a categorical that are nearly one-hot and have gradients (Jang et al. 2017,
arXiv:1611.01144; Maddison et al. 2017, arXiv:1611.00712).
"""

import jax
import jax.numpy as jnp
from jax import Array


def gumbel_softmax(key: Array, logits: Array, temperature: Array, *, hard: bool = False) -> Array:
    """Relaxed one-hot samples.

    Args:
      key: of all of them.
      logits: [..., K] float.
      temperature: [], above 0; towards 0 samples become one-hot.
      hard: one-hot samples, with the gradient of the relaxed ones (straight through).

    Returns:
      [..., K] float32, each summing to 1.
    """
    wide = logits.astype(jnp.float32)
    soft = jax.nn.softmax((wide + jax.random.gumbel(key, wide.shape)) / temperature, axis=-1)
    if not hard:
        return soft
    chosen = jax.nn.one_hot(soft.argmax(-1), soft.shape[-1], dtype=soft.dtype)
    return soft + jax.lax.stop_gradient(chosen - soft)


def uniform_kl(logits: Array) -> Array:
    """Nats of a categorical from the uniform one: [..., K] -> [...] float32, 0 to log K."""
    log_p = jax.nn.log_softmax(logits.astype(jnp.float32), axis=-1)
    return (jnp.exp(log_p) * log_p).sum(-1) + jnp.log(jnp.float32(logits.shape[-1]))
