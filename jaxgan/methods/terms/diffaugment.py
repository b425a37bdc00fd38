"""DiffAugment on D's input, images and image-like conditions moved together."""

from typing import Any

import jax
from jax import Array

from jaxgan.augment.diff_augment import apply, draw, parse_policy
from jaxgan.methods.regularizer import Conditioned, Regularizer
from jaxgan.methods.terms.spatial import move_spatial

# What moves pixels, rather than colours.
_GEOMETRY = ("translation", "cutout")


def diffaugment(*, policy: str = "") -> Regularizer | None:
    """DiffAugment (Zhao et al. 2020, arXiv:2006.10738): D sees every image, real or generated, under a random
    augmentation through which G learns; None for no policy.

    Leaves of the condition that are images [B, H, W, C] are translated and cut with their image; colours are the
    image's own.

    Args:
      policy: of 'color,translation,cutout' (the paper's strongest), any.
    """
    if not policy:
        return None
    parse_policy(policy)
    geometry = ",".join(name for name in policy.split(",") if name in _GEOMETRY)

    def augment(pair: Conditioned, rng: Array, extra: dict[str, Any], step: Array) -> Conditioned:
        del extra, step
        images, condition = pair
        drawn = draw(rng, images.shape, policy=policy)
        condition = move_spatial(condition, images, lambda x: apply(x, drawn, policy=geometry))
        return apply(images, drawn, policy=policy), condition

    return Regularizer("diffaugment", augment=augment)


def diff_augment_pair(pair: Conditioned, rng: Array, policy: str) -> Conditioned:
    """One draw of DiffAugment for images and condition."""
    made = diffaugment(policy=policy)
    return pair if made is None or made.augment is None else made.augment(pair, rng, {}, jax.numpy.zeros(()))
