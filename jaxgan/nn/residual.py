"""The residual blocks of SNGAN, SAGAN and BigGAN (arXiv:1809.11096, figure 15 a and b)."""

from collections.abc import Callable
from typing import Any

from flax import linen as nn
from jax import Array

from jaxgan.nn.resample import average_pool, upsample_nearest

Layer = Callable[..., Any]


class UpBlock(nn.Module):
    """norm, ReLU, (upsample,) 3x3, norm, ReLU, 3x3; beside it (upsample,) 1x1.

    The shortcut is a 1x1 convolution where channels or resolution change, and the identity elsewhere.

    Attributes:
      features: output channels.
      conv: ``conv(features, kernel_size, name=...)`` makes a convolution.
      norm: ``norm(name=...)`` makes a normalisation, called as ``norm(x, condition, train=...)``.
      upsample: double the height and width.
    """

    features: int
    conv: Layer
    norm: Layer
    upsample: bool = True

    @nn.compact
    def __call__(self, x: Array, condition: Array, *, train: bool) -> Array:
        """[B, H, W, C] -> [B, 2H, 2W, features] (or [B, H, W, features])."""
        h = nn.relu(self.norm(name="norm_0")(x, condition, train=train))
        shortcut = x
        if self.upsample:
            h, shortcut = upsample_nearest(h), upsample_nearest(shortcut)
        h = self.conv(self.features, (3, 3), name="conv_0")(h)
        h = nn.relu(self.norm(name="norm_1")(h, condition, train=train))
        h = self.conv(self.features, (3, 3), name="conv_1")(h)
        if self.upsample or x.shape[-1] != self.features:
            shortcut = self.conv(self.features, (1, 1), name="conv_shortcut")(shortcut)
        return h + shortcut


class DownBlock(nn.Module):
    """(ReLU,) 3x3, ReLU, 3x3(, average pool); beside it 1x1(, average pool).

    The block that sees the image has no ReLU before its first convolution, and its shortcut pools before the 1x1
    convolution; the other blocks pool after it (BigGAN-PyTorch, compare_gan). The last block, which keeps both channels
    and resolution, has an identity shortcut.

    Attributes:
      features: output channels, and the hidden ones too (the "wide" discriminator of SAGAN and BigGAN).
      conv: ``conv(features, kernel_size, name=...)`` makes a convolution.
      downsample: halve the height and width.
      preactivation: False for the block that sees the image.
    """

    features: int
    conv: Layer
    downsample: bool = True
    preactivation: bool = True

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """[B, H, W, C] -> [B, H/2, W/2, features] (or [B, H, W, features])."""
        pool = average_pool if self.downsample else lambda y: y
        h = nn.relu(x) if self.preactivation else x
        h = self.conv(self.features, (3, 3), name="conv_0")(h)
        h = self.conv(self.features, (3, 3), name="conv_1")(nn.relu(h))
        shortcut = x
        if self.downsample or x.shape[-1] != self.features:
            project = self.conv(self.features, (1, 1), name="conv_shortcut")
            shortcut = pool(project(x)) if self.preactivation else project(pool(x))
        return pool(h) + shortcut
