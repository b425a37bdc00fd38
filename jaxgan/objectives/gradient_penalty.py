"""Penalties on the discriminator's gradient in its input."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array


def r1_penalty(critic: Callable[[Array], Array], images: Array) -> Array:
    """1/2 E |grad_x D(x)|^2 on real images (Mescheder et al. 2018, arXiv:1801.04406, eq. 9, with gamma left to the
    caller).

    Args:
      critic: images [B, H, W, C] -> logits [B], each depending on its own image alone.
      images: [B, H, W, C] float.

    Returns:
      [] float32.
    """
    gradient = jax.grad(lambda x: critic(x).astype(jnp.float32).sum())(images).astype(jnp.float32)
    return 0.5 * jnp.square(gradient).reshape(images.shape[0], -1).sum(1).mean()
