"""One discriminator at several scales of the image (pix2pixHD: Wang et al. 2017, arXiv:1711.11585, section 3.2)."""

from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgan import nn as layers

POOLS = ("box", "overlapping")


def _overlapping_pool(x: Array) -> Array:
    return nn.avg_pool(x, (3, 3), (2, 2), ((1, 1), (1, 1)), count_include_pad=False)


class MultiScaleDiscriminator(nn.Module):
    """Copies of a discriminator, each with weights of its own, on the image and on its halvings.

    Attributes:
      discriminator: the network to copy. It is called as all discriminators are, on images whose sides are divided by
        1, 2, 4, ...
      scales: the number of copies.
      pool: how the image is halved: 'box' averages 2x2 pixels; 'overlapping' 3x3 with stride two, the border's windows
        counting the image's pixels alone (NVIDIA/pix2pixHD, whose paper says no more than "by a factor of 2").

    The representation it shows (:func:`jaxgan.nn.sow_features`) is that of all copies, side by side.
    """

    discriminator: Any
    scales: int = 3
    pool: str = "box"

    @nn.compact
    def __call__(self, images: Array, labels: Array, *, train: bool) -> Array:
        """Scores images at every scale.

        Args:
          images: [B, H, W, C] float in [-1, 1]; with 'box', H and W divisible by 2 ** (scales - 1).
          labels: as the discriminator takes them.
          train: as the discriminator takes it.

        Returns:
          [B, scales] float32 logits, the full image's first; [B, S scales] of a discriminator that gives S each.

        Raises:
          ValueError: on points, which have no scales, on an unknown pool, or where sides cannot be halved.
        """
        if images.ndim != 4:
            raise ValueError(
                f"scales are those of images [B, H, W, C], got shape {images.shape}: points cannot be pooled; use the "
                "discriminator itself"
            )
        if self.pool not in POOLS:
            raise ValueError(f"pool={self.pool!r}; choose from {', '.join(POOLS)}")
        if self.scales < 1:
            raise ValueError(f"scales={self.scales}: at least one is needed")
        halve = layers.average_pool if self.pool == "box" else _overlapping_pool
        logits, features = [], []
        for scale in range(self.scales):
            copy = self.discriminator.clone(parent=self, name=f"scale_{scale}")
            logits.append(copy(images, labels, train=train).reshape(images.shape[0], -1))
            if self.is_mutable_collection(layers.FEATURES):
                features.append(copy.get_variable(layers.FEATURES, "last"))
            if scale + 1 < self.scales:
                images = halve(images)
        if features:
            layers.sow_features(self, jnp.concatenate(features, axis=-1))
        return jnp.concatenate(logits, axis=-1)
