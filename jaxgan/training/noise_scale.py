"""The gradient noise scale: how large a batch still helps (McCandlish et al. 2018, arXiv:1812.06162, appendix A.1)."""

from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import Array


def squared_norm(tree: Any) -> Array:
    """[] float32: the sum of the squares of all leaves."""
    return jnp.square(optax.tree.norm(jax.tree.map(lambda x: x.astype(jnp.float32), tree)))


def noise_scale(small: Array, big: Array, *, batch_size: int, parts: int) -> dict[str, Array]:
    """Unbiased estimates from the gradients of a batch and of its parts.

    Args:
      small: [] mean over parts of the squared norm of a part's gradient.
      big: [] squared norm of their mean, the whole batch's gradient.
      batch_size: examples of the whole batch.
      parts: equal parts, at least 2.

    Returns:
      ``gradient_square``, |G|^2 (eq. A.2), ``gradient_noise``, tr(Sigma) (eq. A.3), and ``noise_scale``, their ratio in
      examples (eq. 2.9). The ratio of one step is biased and may be negative: average the two over steps, then divide.

    Raises:
      ValueError: on fewer than two parts.
    """
    if parts < 2:
        raise ValueError(f"the noise scale compares a batch with its parts: at least 2, got {parts}")
    part = batch_size / parts
    square = (batch_size * big - part * small) / (batch_size - part)
    noise = (small - big) / (1.0 / part - 1.0 / batch_size)
    return {"noise_scale": noise / square, "gradient_square": square, "gradient_noise": noise}
