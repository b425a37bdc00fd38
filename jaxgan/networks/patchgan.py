"""PatchGAN: a discriminator that judges overlapping patches of an image, each by itself (pix2pix, arXiv:1611.07004,
section 3.2.2 and 6.1.2), which CycleGAN, pix2pixHD and SPADE share.
"""

import functools
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgan import nn as layers
from jaxgan.networks.common import translation_norm, weight_fields
from jaxgan.parallel import shard_batch

LEAK = 0.2


def receptive_field(layer_count: int) -> int:
    """The side of a patch in pixels: 1, 16, 34, 70, 142, 286 for 0 to 5 layers of stride two."""
    if layer_count == 0:
        return 1
    side = 4 + 3
    for _ in range(layer_count):
        side = 2 * side + 2
    return side


class Discriminator(nn.Module):
    """Images, next to the condition that they belong to, to a map of logits.

    Attributes:
      ch: channels of the first layer (ndf).
      layers: convolutions of stride two: 3 for patches of 70 pixels; one of stride one follows. 0 judges each pixel by
        itself.
      conditional: the condition [B, H, W, C], where there is one, is joined to the image; False for a discriminator
        that sees the image alone.
      norm: 'batch', 'instance' or 'none', of all layers but the first and the last.
      padding: zeros around each convolution's input: 1 (pix2pix, CycleGAN) or 2 (pix2pixHD, SPADE).
      spectral_norm: of the convolutions that a norm follows (SPADE), which then have no bias.
      use_bias: biases before batch norms too (pix2pix's Lua code).
      The others: see :mod:`jaxgan.networks.common`.
    """

    ch: int = 64
    layers: int = 3
    conditional: bool = True
    norm: str = "batch"
    padding: int = 1
    spectral_norm: bool = False
    sn_eps: float = 1e-12
    use_bias: bool = False
    weight_init: str = "normal_02"
    bn_eps: float = 1e-5
    bn_groups: int | None = None
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, images: Array, condition: Any, *, train: bool) -> Array:
        """Scores patches; each layer before the last is shown to :func:`jaxgan.nn.sow_features`.

        Args:
          images: [B, H, W, C] float in [-1, 1].
          condition: [B, H, W, C'] float, or a tree with such a 'map', of which nothing else is seen; or None.
          train: normalise with the batch's statistics.

        Returns:
          [B, h, w] float32 logits, a patch each: 30x30 of 256 pixels with 3 layers.

        Raises:
          ValueError: where the image is too small for the layers, or a name is unknown.
        """
        outer = functools.partial(layers.Conv, **weight_fields(self, spectral_norm=False))
        middle = functools.partial(layers.Conv, **weight_fields(self))
        middle_bias = (self.use_bias or self.norm != "batch") and not self.spectral_norm
        h = images
        if isinstance(condition, Mapping):
            condition = condition["map"]
        if self.conditional and condition is not None:
            h = jnp.concatenate([condition.astype(images.dtype), images], axis=-1)
        h = shard_batch(h.astype(self.dtype))
        if self.layers == 0:
            kernel, strides, pad = (1, 1), [1, 1], 0
        else:
            kernel, strides, pad = (4, 4), [2] * self.layers + [1], self.padding
        around = ((pad, pad), (pad, pad))
        for index, stride in enumerate(strides):
            conv = functools.partial(
                middle if index else outer, self.ch * min(2**index, 8), kernel, strides=(stride, stride),
                padding=around, name=f"conv_{index}",
            )  # fmt: skip
            if min(h.shape[1:3]) + 2 * pad < kernel[0]:
                raise ValueError(
                    f"images of {images.shape[1]}x{images.shape[2]} are too small for discriminator.layers="
                    f"{self.layers}, patches of {receptive_field(self.layers)} pixels: give fewer layers"
                )
            h = conv(use_bias=middle_bias if index else True)(h)
            if index:
                h = translation_norm(self, h, name=f"norm_{index}", train=train)
            h = shard_batch(nn.leaky_relu(h, LEAK))
            layers.sow_features(self, h)
        # A discriminator of pixels has no bias next to its norm, in the last layer neither.
        last = outer(1, kernel, padding=around, use_bias=self.layers > 0 or middle_bias, name="to_logits")
        return last(h)[..., 0].astype(jnp.float32)
