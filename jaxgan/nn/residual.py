"""Residual blocks of SNGAN, SAGAN and BigGAN (arXiv:1809.11096, figure 15 a and b)."""

import functools
from collections.abc import Callable
from typing import Any

from flax import linen as nn
from jax import Array

from jaxgan.nn.resample import average_pool, upsample_nearest
from jaxgan.nn.resample_conv import choose_form, conv_downsample, linen_hooks, upsample_conv

Layer = Callable[..., Any]


def conv_after_upsampling(make: Layer, form: str) -> Callable[[Array], Array]:
    """The layer that ``make()`` makes, applied to [B, H, W, C] upsampled by two.

    Args:
      make: makes a 3x3 ``flax.linen.Conv``; takes its fields, of which those of
        :func:`jaxgan.nn.resample_conv.linen_hooks` are set unless the form is plain.
      form: see :func:`jaxgan.nn.resample_conv.upsample_conv`.
    """
    if form == "plain":
        layer = make()
        return lambda x: layer(upsample_nearest(x))
    return make(**linen_hooks(upsample_conv, form=form))


def conv_before_pooling(make: Layer, form: str) -> Callable[[Array], Array]:
    """The layer that ``make()`` makes, and the average pool of its output; see :func:`conv_after_upsampling`."""
    if form == "plain":
        layer = make()
        return lambda x: average_pool(layer(x))
    return make(**linen_hooks(conv_downsample, form=form))


class UpBlock(nn.Module):
    """norm, ReLU, (upsample,) 3x3, norm, ReLU, 3x3; the shortcut is (upsample,) 1x1.

    The shortcut is a 1x1 convolution where channels or resolution change, and the identity elsewhere.

    Attributes:
      features: output channels.
      conv: ``conv(features, kernel_size, name=...)`` makes a convolution.
      norm: ``norm(name=...)`` makes a normalisation, called as ``norm(x, condition, train=...)``; one without a
        condition, such as :class:`jaxgan.nn.BatchNorm`, goes with None for it.
      upsample: double the height and width.
      resample: how upsampling and the convolutions that follow it are computed, see
        :func:`jaxgan.nn.resample_conv.choose_form`; all forms are equal up to rounding, and have the same parameters.
    """

    features: int
    conv: Layer
    norm: Layer
    upsample: bool = True
    resample: str = "auto"

    @nn.compact
    def __call__(self, x: Array, condition: Array | None, *, train: bool) -> Array:
        """[B, H, W, C] -> [B, 2H, 2W, features] (or [B, H, W, features])."""
        form = choose_form(self.resample, x.shape, up=True)
        conv = functools.partial(self.conv, self.features)
        first = functools.partial(conv, (3, 3), name="conv_0")
        h = nn.relu(self.norm(name="norm_0")(x, condition, train=train))
        h = conv_after_upsampling(first, form)(h) if self.upsample else first()(h)
        h = nn.relu(self.norm(name="norm_1")(h, condition, train=train))
        h = conv((3, 3), name="conv_1")(h)
        if not self.upsample:
            return h + (x if x.shape[-1] == self.features else conv((1, 1), name="conv_shortcut")(x))
        project = conv((1, 1), name="conv_shortcut")
        # A 1x1 convolution sees one pixel: it may as well see it before it is repeated.
        return h + (project(upsample_nearest(x)) if form == "plain" else upsample_nearest(project(x)))


class DownBlock(nn.Module):
    """(ReLU,) 3x3, ReLU, 3x3(, average pool); the shortcut is 1x1(, average pool).

    The block that sees the image has no ReLU before its first convolution, and its shortcut pools before the 1x1
    convolution; the other blocks pool after it (BigGAN-PyTorch, compare_gan), which is the same map and is so written
    in the plain form alone. The last block, which keeps both channels and resolution, has an identity shortcut.

    Attributes:
      features: output channels.
      conv: ``conv(features, kernel_size, name=...)`` makes a convolution.
      downsample: halve the height and width.
      preactivation: False for the block that sees the image.
      hidden: channels between the two 3x3 convolutions: None for as many as come out (the "wide" discriminator of SAGAN
        and BigGAN); SNGAN and WGAN-GP have as many as come in, but in the block that sees the image.
      resample: how pooling and the convolutions before it are computed, as in :class:`UpBlock`.
    """

    features: int
    conv: Layer
    downsample: bool = True
    preactivation: bool = True
    hidden: int | None = None
    resample: str = "auto"

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """[B, H, W, C] -> [B, H/2, W/2, features] (or [B, H, W, features])."""
        form = choose_form(self.resample, x.shape, up=False)
        conv = functools.partial(self.conv, self.features)
        second = functools.partial(conv, (3, 3), name="conv_1")
        h = nn.relu(x) if self.preactivation else x
        h = nn.relu(self.conv(self.hidden or self.features, (3, 3), name="conv_0")(h))
        h = conv_before_pooling(second, form)(h) if self.downsample else second()(h)
        if not self.downsample:
            return h + (x if x.shape[-1] == self.features else conv((1, 1), name="conv_shortcut")(x))
        project = conv((1, 1), name="conv_shortcut")
        return h + (average_pool(project(x)) if form == "plain" and self.preactivation else project(average_pool(x)))
