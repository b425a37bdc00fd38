"""Further losses of a generator: feature matching, mode seeking, historical averages of parameters."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

_DISTANCES = ("squared", "mean_square", "mean_absolute")


def feature_matching(real: Array, fake: Array, *, distance: str = "squared") -> Array:
    """Distance of the means of a discriminator's features of real and of generated images (Salimans et al. 2016,
    arXiv:1606.03498, section 3.1).

    Args:
      real: features [B, F] of real images.
      fake: [B', F] of generated ones.
      distance: 'squared', the paper's squared L2 norm, a sum over features; 'mean_square', its mean over features, as
        in openai/improved-gan on MNIST; or 'mean_absolute', as there on CIFAR-10 and SVHN.

    Returns:
      [] float32.

    Raises:
      ValueError: where the numbers of features differ, or ``distance`` is another.
    """
    if real.ndim != 2 or fake.ndim != 2 or real.shape[1] != fake.shape[1]:
        raise ValueError(f"features must be [B, F] with one F, got real {real.shape} and fake {fake.shape}")
    apart = real.astype(jnp.float32).mean(0) - fake.astype(jnp.float32).mean(0)
    if distance == "squared":
        return jnp.square(apart).sum()
    if distance == "mean_square":
        return jnp.square(apart).mean()
    if distance == "mean_absolute":
        return jnp.abs(apart).mean()
    raise ValueError(f"unknown distance {distance!r}; choose from {list(_DISTANCES)}")


def mode_seeking(images: Array, other: Array, z: Array, other_z: Array, *, eps: float = 1e-5) -> Array:
    """1 / (mean |G(z1) - G(z2)| / mean |z1 - z2| + eps) (Mao et al. 2019, arXiv:1903.05628).

    The paper maximises the ratio; HelenMao/MSGAN, which is followed, minimises its inverse, the means taken over all
    values of the batch before they are divided.

    Args:
      images: [B, H, W, C] float, of ``z``.
      other: of the same shape, of ``other_z`` and the same labels.
      z: latents [B, z_dim].
      other_z: other ones.
      eps: what keeps it finite.

    Returns:
      [] float32.

    Raises:
      ValueError: where shapes differ.
    """
    if images.shape != other.shape or z.shape != other_z.shape:
        raise ValueError(
            f"two batches must have one shape, got images {images.shape} and {other.shape}, latents {z.shape} and "
            f"{other_z.shape}"
        )
    apart = jnp.abs(images.astype(jnp.float32) - other.astype(jnp.float32)).mean()
    latents_apart = jnp.abs(z.astype(jnp.float32) - other_z.astype(jnp.float32)).mean()
    return 1.0 / (apart / latents_apart + eps)


def historical_average_penalty(params: Any, average: Any) -> Array:
    """Sum of |theta - mean of its past values|^2 over a player's parameters (Salimans et al. 2016, arXiv:1606.03498,
    section 3.3).

    Args:
      params: a tree of parameters.
      average: a tree of the same structure, of their means over the past; it gets no gradient.

    Returns:
      [] float32.

    Raises:
      ValueError: where the trees differ.
    """
    squares = jax.tree.map(
        lambda now, past: jnp.square(now.astype(jnp.float32) - jax.lax.stop_gradient(past)).sum(), params, average
    )
    return jax.tree.reduce(jnp.add, squares, jnp.zeros((), jnp.float32))
