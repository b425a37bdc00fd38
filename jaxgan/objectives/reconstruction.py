"""Losses of images that have a true one, and of latents that an encoder gives: distances, layers' features, KL."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import Array

DISTANCES = ("absolute", "squared")


def reconstruction(images: Array, target: Array, *, distance: str = "absolute") -> Array:
    """The mean over all numbers of ``|images - target|`` (L1: pix2pix, arXiv:1611.07004, eq. 3) or of its square.

    Args:
      images, target: float of one shape.
      distance: 'absolute' or 'squared'.

    Returns:
      [] float32.

    Raises:
      ValueError: where shapes differ, or on another distance.
    """
    if images.shape != target.shape:
        raise ValueError(f"images and target must have one shape, got {images.shape} and {target.shape}")
    difference = images.astype(jnp.float32) - target.astype(jnp.float32)
    if distance == "absolute":
        return jnp.abs(difference).mean()
    if distance == "squared":
        return jnp.square(difference).mean()
    raise ValueError(f"unknown distance {distance!r}; choose from {', '.join(DISTANCES)}")


def layer_distances(
    real: Sequence[Array],
    fake: Sequence[Array],
    *,
    weights: Sequence[float] | None = None,
    distance: str = "absolute",
) -> Array:
    """The sum over layers of the mean distance between features of real and of generated images, example by example:
    feature matching of pix2pixHD (arXiv:1711.11585, eq. 4) and perceptual losses (Johnson et al. 2016,
    arXiv:1603.08155, eq. 2).

    Args:
      real: features, an array [B, ...] a layer; they get no gradient.
      fake: of the same shapes.
      weights: of the layers; None for 1 each.
      distance: as for :func:`reconstruction`.

    Returns:
      [] float32.

    Raises:
      ValueError: where there are no layers, or the numbers of layers, features or weights differ.
    """
    counts = {len(real), len(fake), len(fake) if weights is None else len(weights)}
    if len(counts) != 1 or not fake:
        raise ValueError(
            f"needs as many layers of real as of fake, and weights: got {len(real)}, {len(fake)} and "
            f"{'none' if weights is None else len(weights)}"
        )
    each = [reconstruction(f, jax.lax.stop_gradient(r), distance=distance) for r, f in zip(real, fake)]
    scaled = each if weights is None else [w * d for w, d in zip(weights, each)]
    return sum(scaled[1:], scaled[0])


def gaussian_kl(mean: Array, log_variance: Array) -> Array:
    """KL(N(mean, exp(log_variance)) || N(0, I)), summed over dimensions (Kingma & Welling 2013, arXiv:1312.6114,
    appendix B).

    Args:
      mean, log_variance: [B, D] float.

    Returns:
      [B] float32.

    Raises:
      ValueError: where shapes differ.
    """
    if mean.shape != log_variance.shape:
        raise ValueError(f"mean and log_variance must have one shape, got {mean.shape} and {log_variance.shape}")
    mean, log_variance = mean.astype(jnp.float32), log_variance.astype(jnp.float32)
    return -0.5 * (1 + log_variance - jnp.square(mean) - jnp.exp(log_variance)).sum(-1)
