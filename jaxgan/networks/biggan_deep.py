"""BigGAN-deep's generator and discriminator (Brock et al. 2018, arXiv:1809.11096, appendix B, tables 7 to 9).

Bottleneck blocks, two a resolution, and the whole of z joined to the shared class embedding at every block. Channel
tables are those of compare_gan and StudioGAN, which agree with the paper's; BigGAN-PyTorch has no 512. The released
weights' last convolution gives ch channels of which three are used: a convenience of their TPU that is not copied here.
"""

import functools
from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgan import nn as layers
from jaxgan.networks.biggan import shared_embedding
from jaxgan.networks.common import batch_norm_fields, check_latents, first_map, weight_fields
from jaxgan.networks.residual import pooled_logits, to_images, widths_for
from jaxgan.parallel import shard_batch

# Multiples of ch: the projection's channels first, then those after each resolution's blocks, which double it.
GENERATOR_WIDTHS: dict[int, tuple[int, ...]] = {
    32: (4, 4, 4, 4),
    64: (16, 16, 8, 4, 2),
    128: (16, 16, 8, 4, 2, 1),
    256: (16, 16, 8, 8, 4, 2, 1),
    512: (16, 16, 8, 8, 4, 2, 1, 1),
}
# Multiples of ch: the stem's channels first, then those of each resolution's blocks. At 32 only the first two stages
# halve.
DISCRIMINATOR_WIDTHS: dict[int, tuple[int, ...]] = {
    32: (4, 4, 4, 4),
    64: (1, 2, 4, 8, 16),
    128: (1, 2, 4, 8, 16, 16),
    256: (1, 2, 4, 8, 8, 16, 16),
    512: (1, 1, 2, 4, 8, 8, 16, 16),
}


class Generator(nn.Module):
    """Latents and labels to images.

    Attributes:
      depth: blocks a resolution; the last of them narrows and doubles the resolution.
      z_dim: latent size (128 at every resolution).
      shared_dim: size of the shared class embedding; the condition of every block and of the projection is [class, z],
        or z alone where ``num_classes`` is 0.
      bn_eps: 1e-4 in the released weights.
      The others: as in :class:`jaxgan.networks.biggan.Generator`.
    """

    num_classes: int
    resolution: int = 128
    ch: int = 128
    depth: int = 2
    z_dim: int = 128
    shared_dim: int = 128
    attention: tuple[int, ...] = (64,)
    base: tuple[int, int] = (4, 4)
    image_channels: int = 3
    widths: tuple[int, ...] | None = None
    class_first: bool = True
    weight_init: str = "orthogonal"
    bn_eps: float = 1e-4
    bn_groups: int | None = None
    sn_eps: float = 1e-6
    remat: str = "none"
    resample: str = "auto"
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, z: Array, labels: Array, *, train: bool) -> Array:
        """Draws images [B, H, W, image_channels] float32 in [-1, 1]; arguments as in :mod:`jaxgan.networks.common`."""
        widths = widths_for(self.resolution, GENERATOR_WIDTHS, self.widths)
        check_latents(self, z)
        weights = weight_fields(self, spectral_norm=True)
        conv = functools.partial(layers.Conv, **weights)
        run = functools.partial(layers.rematerialized, remat=self.remat)
        statistics = batch_norm_fields(self)
        norm = functools.partial(layers.ConditionalBatchNorm, **(statistics | weights))

        z = condition = z.astype(self.dtype)
        if self.num_classes:
            shared = shared_embedding(self, labels)
            condition = jnp.concatenate([shared, z] if self.class_first else [z, shared], axis=-1)

        h = first_map(condition, self.base, widths[0] * self.ch, **weights)
        for stage, multiple in enumerate(widths[1:]):
            for index in range(self.depth):
                last = index == self.depth - 1
                features = multiple * self.ch if last else h.shape[-1]
                block = layers.UpBottleneck(
                    features, conv, norm, upsample=last, resample=self.resample, name=f"block_{stage}_{index}"
                )
                h = shard_batch(run(block, h, condition, train=train))
            if 4 * 2 ** (stage + 1) in self.attention:
                h = run(layers.SelfAttention(name=f"attention_{stage}", **weights), h)
        return to_images(h, self.image_channels, statistics, train=train, **weights)


class Discriminator(nn.Module):
    """Images and labels to logits, by projection.

    Attributes:
      depth: blocks a resolution; the first of them halves it.
      The others: as in :class:`jaxgan.networks.biggan.Discriminator`.
    """

    num_classes: int
    resolution: int = 128
    ch: int = 128
    depth: int = 2
    conditioning: str = "projection"
    minibatch: str = "none"
    attention: tuple[int, ...] = (64,)
    widths: tuple[int, ...] | None = None
    weight_init: str = "orthogonal"
    sn_eps: float = 1e-6
    remat: str = "none"
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, images: Array, labels: Array, *, train: bool) -> Array:
        """Scores images [B, H, W, C], as :class:`jaxgan.networks.biggan.Discriminator` does: [B] float32 logits."""
        del train
        widths = widths_for(self.resolution, DISCRIMINATOR_WIDTHS, self.widths)
        weights = weight_fields(self, spectral_norm=True)
        conv = functools.partial(layers.Conv, **weights)
        run = functools.partial(layers.rematerialized, remat=self.remat)
        halvings = 2 if self.resolution <= 32 else len(widths) - 1

        h = conv(widths[0] * self.ch, (3, 3), name="from_image")(shard_batch(images.astype(self.dtype)))
        for stage, multiple in enumerate(widths[1:]):
            for index in range(self.depth):
                downsample = index == 0 and stage < halvings
                block = layers.DownBottleneck(
                    multiple * self.ch, conv, downsample=downsample, name=f"block_{stage}_{index}"
                )
                h = shard_batch(run(block, h))
            if stage < halvings and self.resolution // 2 ** (stage + 1) in self.attention:
                h = run(layers.SelfAttention(name=f"attention_{stage}", **weights), h)
        conditioning = self.conditioning if self.num_classes else "none"
        return pooled_logits(self, h, labels, conditioning=conditioning, spectral_norm=True)
