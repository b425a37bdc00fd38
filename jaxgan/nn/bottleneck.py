"""Bottleneck residual blocks of BigGAN-deep (arXiv:1809.11096, figure 16 b and c)."""

import functools

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgan.nn.resample import average_pool, upsample_nearest
from jaxgan.nn.resample_conv import choose_form
from jaxgan.nn.residual import Layer, conv_after_upsampling


class UpBottleneck(nn.Module):
    """norm-ReLU-1x1, norm-ReLU(-upsample)-3x3, norm-ReLU-3x3, norm-ReLU-1x1; the shortcut is the first channels of
    x(, upsampled).

    The shortcut has no parameters: where the block narrows, the surplus channels are dropped.

    Attributes:
      features: output channels, at most those of the input.
      conv, norm: makers, as in :class:`jaxgan.nn.residual.UpBlock`.
      upsample: double the height and width.
      ratio: input channels over hidden channels.
      resample: as in :class:`jaxgan.nn.residual.UpBlock`.
    """

    features: int
    conv: Layer
    norm: Layer
    upsample: bool = False
    ratio: int = 4
    resample: str = "auto"

    @nn.compact
    def __call__(self, x: Array, condition: Array, *, train: bool) -> Array:
        """[B, H, W, C] -> [B, 2H, 2W, features] (or [B, H, W, features])."""
        if self.features > x.shape[-1]:
            raise ValueError(f"UpBottleneck drops channels: {x.shape[-1]} inputs cannot give {self.features} outputs")
        hidden = x.shape[-1] // self.ratio

        def norm_relu(h: Array, index: int) -> Array:
            return nn.relu(self.norm(name=f"norm_{index}")(h, condition, train=train))

        shortcut = x[..., : self.features]
        h = self.conv(hidden, (1, 1), name="conv_0")(norm_relu(x, 0))
        first = functools.partial(self.conv, hidden, (3, 3), name="conv_1")
        h = norm_relu(h, 1)
        if self.upsample:
            form = choose_form(self.resample, h.shape, up=True)
            h, shortcut = conv_after_upsampling(first, form)(h), upsample_nearest(shortcut)
        else:
            h = first()(h)
        h = self.conv(hidden, (3, 3), name="conv_2")(norm_relu(h, 2))
        h = self.conv(self.features, (1, 1), name="conv_3")(norm_relu(h, 3))
        return h + shortcut


class DownBottleneck(nn.Module):
    """ReLU-1x1, ReLU-3x3, ReLU-3x3, ReLU(-average pool)-1x1; the shortcut is x(, pooled), with any new channels from a
    1x1.

    A ReLU stands between the last 3x3 and the pool, and both 1x1 see pooled inputs, so there is nothing for
    :mod:`jaxgan.nn.resample_conv` to fuse.

    Attributes:
      features: output channels, at least those of the input.
      conv: maker, as in :class:`jaxgan.nn.residual.DownBlock`.
      downsample: halve the height and width.
      ratio: output channels over hidden channels.
    """

    features: int
    conv: Layer
    downsample: bool = False
    ratio: int = 4

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """[B, H, W, C] -> [B, H/2, W/2, features] (or [B, H, W, features])."""
        missing = self.features - x.shape[-1]
        if missing < 0:
            raise ValueError(f"DownBottleneck adds channels: {x.shape[-1]} inputs cannot give {self.features} outputs")
        hidden = self.features // self.ratio
        pool = average_pool if self.downsample else lambda y: y
        h = self.conv(hidden, (1, 1), name="conv_0")(nn.relu(x))
        h = self.conv(hidden, (3, 3), name="conv_1")(nn.relu(h))
        h = self.conv(hidden, (3, 3), name="conv_2")(nn.relu(h))
        h = self.conv(self.features, (1, 1), name="conv_3")(pool(nn.relu(h)))
        shortcut = pool(x)
        if missing:
            added = self.conv(missing, (1, 1), name="conv_shortcut")(shortcut)
            shortcut = jnp.concatenate([shortcut, added], axis=-1)
        return h + shortcut
