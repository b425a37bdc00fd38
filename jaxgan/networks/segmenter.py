"""A small U-Net that names the class of every pixel, trained on real pairs to read generated photos."""

import jax.numpy as jnp
from flax import linen as nn
from jax import Array


class Segmenter(nn.Module):
    """3x3 convolutions and max-pooling down, nearest upsampling and skips up (Ronneberger et al. 2015,
    arXiv:1505.04597).

    Attributes:
      classes: outputs of each pixel.
      ch: channels at the image's own resolution; they double with each halving.
      halvings: how many; sides must be multiples of ``2 ** halvings``.
    """

    classes: int
    ch: int = 16
    halvings: int = 3

    @nn.compact
    def __call__(self, images: Array) -> Array:
        """Images [B, H, W, C] float in [-1, 1] -> logits [B, H, W, classes] float32.

        Raises:
          ValueError: where a side is no such multiple.
        """
        multiple = 2**self.halvings
        if images.shape[1] % multiple or images.shape[2] % multiple:
            raise ValueError(
                f"the segmentation score reads sides in multiples of {multiple}, got "
                f"{images.shape[1]}x{images.shape[2]}"
            )
        h, skips = images, []
        for level in range(self.halvings + 1):
            h = nn.max_pool(h, (2, 2), (2, 2)) if level else h
            for _ in range(2):
                h = nn.relu(nn.GroupNorm(num_groups=8)(nn.Conv(self.ch * 2**level, (3, 3))(h)))
            skips.append(h)
        for level in reversed(range(self.halvings)):
            h = jnp.concatenate([h.repeat(2, 1).repeat(2, 2), skips[level]], axis=-1)
            h = nn.relu(nn.GroupNorm(num_groups=8)(nn.Conv(self.ch * 2**level, (3, 3))(h)))
        return nn.Conv(self.classes, (1, 1))(h).astype(jnp.float32)
