"""Multi-scale discriminator: copies of one discriminator on an image pyramid (pix2pixHD: Wang et al. 2017,
arXiv:1711.11585, section 3.2).
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgan import nn as layers
from jaxgan.networks.common import check_choice

POOLS = ("box", "overlapping")


def _overlapping_pool(x: Array) -> Array:
    return nn.avg_pool(x, (3, 3), (2, 2), ((1, 1), (1, 1)), count_include_pad=False)


def halve(x: Array, *, pool: str = "box") -> Array:
    """Halves height and width of images [B, H, W, C] float, and of label maps [B, H, W, C] int, which keep every second
    pixel, for labels must not be blended.

    Args:
      x: images or label maps; maps of probabilities (float) are pooled as images are.
      pool: 'box' averages 2x2 pixels and needs even sides; 'overlapping' 3x3 with stride two, the border's windows
        counting the image's pixels alone, and rounds odd sides up.

    Raises:
      ValueError: on another pool, or where sides cannot be halved.
    """
    check_choice("pool", pool, POOLS)
    if jnp.issubdtype(x.dtype, jnp.floating):
        return layers.average_pool(x) if pool == "box" else _overlapping_pool(x)
    if pool == "box" and (x.shape[1] % 2 or x.shape[2] % 2):
        raise ValueError(f"halving needs even height and width, got {x.shape[1]}x{x.shape[2]}")
    return x[:, ::2, ::2]


def halve_condition(condition: Any, size: tuple[int, int], *, pool: str = "box") -> Any:
    """Halves the arrays [B, H, W, C] of a condition, a tree, and leaves the others ([B] classes, [B, K] weights or
    vectors, [B, L, D] tokens) as they are.

    Args:
      condition: any tree of arrays [B, ...], or None.
      size: height and width of the images that it belongs to.
      pool: as in :func:`halve`.

    Raises:
      ValueError: on maps of another size than the images.
    """

    def halved(leaf: Array) -> Array:
        if leaf.ndim != 4:
            return leaf
        if leaf.shape[1:3] != size:
            raise ValueError(
                f"a condition of shape {leaf.shape} has not the height and width of the images, {size[0]}x{size[1]}: "
                "resize it first"
            )
        return halve(leaf, pool=pool)

    return jax.tree.map(halved, condition)


class MultiScaleDiscriminator(nn.Module):
    """Copies of a discriminator, each with weights of its own, on the image and on its halvings.

    What the copies show (:func:`jaxgan.nn.sow_features`) is shown scale after scale, the full image's first.

    Attributes:
      discriminator: the network to copy. It is called as all discriminators are, on images whose sides are divided by
        1, 2, 4, ...
      scales: the number of copies.
      pool: how images are halved, see :func:`halve`. NVIDIA/pix2pixHD pools 'overlapping'; its paper says no more than
        "by a factor of 2".
      first: the number in the first copy's name. With ``first=1`` images of half the size meet the copies that a
        network of one more scale has for its halvings.
    """

    discriminator: Any
    scales: int = 3
    pool: str = "box"
    first: int = 0

    @nn.compact
    def __call__(self, images: Array, condition: Any, *, train: bool) -> tuple[Array, ...]:
        """Scores images at every scale.

        Args:
          images: [B, H, W, C] float in [-1, 1]; with 'box', H and W divisible by 2 ** (scales - 1).
          condition: as the discriminator takes it. Its maps [B, H, W, C] are halved with the images.
          train: as the discriminator takes it.

        Returns:
          The discriminator's logits ([B], or [B, h, w] of patches) at each scale, the full image's first.

        Raises:
          ValueError: on points, which have no scales, on an unknown pool, or where sides cannot be halved.
        """
        if images.ndim != 4:
            raise ValueError(
                f"scales are those of images [B, H, W, C], got shape {images.shape}: points cannot be pooled; use the "
                "discriminator itself"
            )
        check_choice("pool", self.pool, POOLS)
        if self.scales < 1:
            raise ValueError(f"scales={self.scales}: at least one is needed")
        logits = []
        for scale in range(self.scales):
            if scale:
                condition = halve_condition(condition, (images.shape[1], images.shape[2]), pool=self.pool)
                images = halve(images, pool=self.pool)
            copy = self.discriminator.clone(parent=self, name=f"scale_{self.first + scale}")
            logits.append(copy(images, condition, train=train))
        return tuple(logits)
