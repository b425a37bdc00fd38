"""Consistency regularisation of a discriminator under augmentation: CR, bCR, zCR.

CR-GAN (Zhang et al. 2019, arXiv:1910.12027) asks D for one answer on a real image and its augmentation. bCR (Zhao et
al. 2020, arXiv:2002.04724) asks it of generated images too, each with its own weight. zCR (same paper) asks it of
images of a latent and of one nearby, and asks G to make those images differ.
"""

import jax.numpy as jnp
from jax import Array


def _same_shape(what: str, a: Array, b: Array) -> None:
    if a.shape != b.shape:
        raise ValueError(f"{what} must have one shape, got {a.shape} and {b.shape}")


def consistency_penalty(logits: Array, other: Array) -> Array:
    """mean (D(x) - D(T(x)))^2 (arXiv:1910.12027; arXiv:2002.04724, algorithms 1 and 2). Both sides have gradient.

    Args:
      logits: [B] or [B, S], before any sigmoid, of real images (CR, bCR) or of generated ones (bCR, zCR).
      other: of the same images augmented (CR, bCR), or of those of latents nearby (zCR's term in D).

    Returns:
      [] float32.

    Raises:
      ValueError: naming both shapes, where they differ.
    """
    _same_shape("logits of images and of their augmentations", logits, other)
    return jnp.square(logits.astype(jnp.float32) - other.astype(jnp.float32)).mean()


def latent_diversity_penalty(images: Array, other: Array) -> Array:
    """-mean (G(z) - G(z + dz))^2, zCR's term in G (arXiv:2002.04724, algorithm 2); it has no lower bound but what the
    range of images gives.

    The paper writes a squared norm; this is the mean over values of an image, so that a weight doesn't depend on the
    resolution, as in PyTorch-StudioGAN.

    Args:
      images: [B, H, W, C] float, of latents.
      other: of the same shape, of latents nearby.

    Returns:
      [] float32, at most 0.

    Raises:
      ValueError: naming both shapes, where they differ.
    """
    _same_shape("images of latents and of latents nearby", images, other)
    return -jnp.square(images.astype(jnp.float32) - other.astype(jnp.float32)).mean()
