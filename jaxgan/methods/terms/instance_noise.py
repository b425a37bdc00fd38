"""Instance noise: Gaussian noise on D's input, annealed."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxgan.methods.regularizer import Conditioned, Regularizer, is_zero
from jaxgan.parallel import shard_batch


def instance_noise(*, sigma: float = 0.0, steps: int = 0) -> Regularizer | None:
    """Gaussian noise on the images that D sees, annealed linearly to none (Arjovsky & Bottou 2017, arXiv:1701.04862,
    section 3; Sonderby et al. 2016, arXiv:1610.04490); None where ``sigma`` is 0.

    Args:
      sigma: deviation at the start, where images span [-1, 1].
      steps: after which it is gone; 0 to keep it.
    """
    if is_zero(sigma):
        return None

    def augment(pair: Conditioned, rng: Array, extra: dict[str, Any], step: Array) -> Conditioned:
        del extra
        images, condition = pair
        left = jnp.clip(1.0 - step / steps, 0.0, 1.0) if steps else 1.0
        noise = shard_batch(jax.random.normal(rng, images.shape, images.dtype))
        return images + sigma * left * noise, condition

    return Regularizer("instance_noise", augment=augment)
