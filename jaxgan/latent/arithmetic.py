"""Latent arithmetic: sums and differences of latents (DCGAN, Radford et al. 2016, arXiv:1511.06434, section 6.3.2 and
figure 7).
"""

import jax
import jax.numpy as jnp
from jax import Array


def mean_latent(latents: Array) -> Array:
    """The mean of examples of one concept: [N, Z] -> [Z].

    The paper takes three; sums of single latents were unstable. It shortens: the mean of N normal latents has 1/N of
    their variance.

    Raises:
      ValueError: where latents are not [N, Z] or there is none.
    """
    if latents.ndim != 2 or not len(latents):
        raise ValueError(f"needs latents [N, Z] with N at least 1, got {latents.shape}")
    return latents.mean(0)


def arithmetic(positive: Array, negative: Array, added: Array) -> Array:
    """mean(positive) - mean(negative) + mean(added): smiling woman - neutral woman + neutral man, say.

    Args:
      positive, negative, added: [N, Z] examples of each concept, the N's of any sizes.

    Returns:
      [Z].

    Raises:
      ValueError: as :func:`mean_latent`.
    """
    return mean_latent(positive) - mean_latent(negative) + mean_latent(added)


def around(z: Array, rng: Array, n: int = 9, *, scale: float = 0.25) -> Array:
    """``z`` and neighbours, for a square of images with its own in the middle.

    Args:
      z: [Z].
      rng: key.
      n: how many, odd; the paper's figure has 3 x 3.
      scale: what is added to a neighbour is uniform on [-scale, scale], for each number by itself. The paper's z are
        uniform on [-1, 1].

    Returns:
      [n, Z], ``z`` itself at n // 2.

    Raises:
      ValueError: where ``z`` is not [Z] or n is even.
    """
    if z.ndim != 1 or n < 1 or n % 2 == 0:
        raise ValueError(
            f"needs one latent [Z] and an odd number of images, so that one is central; got {z.shape}, {n}"
        )
    noise = jax.random.uniform(rng, (n, *z.shape), minval=-scale, maxval=scale)
    return z[None] + jnp.where(jnp.arange(n)[:, None] == n // 2, 0.0, noise)
