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
from jaxgan.networks.biggan import pooled_logits, widths_for
from jaxgan.parallel import shard_batch

# Multiples of ch: the seed's channels first, then those after each resolution's blocks, which double it.
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
      shared_dim: size of the shared class embedding; the condition of every block and the seed is [class, z]; z alone
        where ``num_classes`` is 0.
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
        """Draws images: z [B, z_dim] and labels ([B] int or [B, num_classes] weights) -> [B, H, W, image_channels] in
        [-1, 1].
        """
        widths = widths_for(self.resolution, GENERATOR_WIDTHS, self.widths)
        if z.shape[-1] != self.z_dim:
            raise ValueError(f"z has {z.shape[-1]} columns, but z_dim={self.z_dim}")
        init = layers.initializer(self.weight_init)
        dtypes: dict[str, Any] = dict(dtype=self.dtype, param_dtype=self.param_dtype)
        spectral: dict[str, Any] = dict(sn_eps=self.sn_eps, kernel_init=init, **dtypes)
        conv = functools.partial(layers.Conv, **spectral)
        run = functools.partial(layers.rematerialized, remat=self.remat)
        norm = functools.partial(layers.ConditionalBatchNorm, eps=self.bn_eps, groups=self.bn_groups, **spectral)

        z = condition = z.astype(self.dtype)
        if self.num_classes:
            shared = layers.Embed(
                self.num_classes, self.shared_dim, spectral_norm=False, embedding_init=init, name="shared", **dtypes
            )(labels)
            condition = jnp.concatenate([shared, z] if self.class_first else [z, shared], axis=-1)

        height, width = self.base
        h = layers.Dense(height * width * widths[0] * self.ch, name="project", **spectral)(condition)
        h = h.reshape(-1, height, width, widths[0] * self.ch)
        for stage, multiple in enumerate(widths[1:]):
            for index in range(self.depth):
                last = index == self.depth - 1
                features = multiple * self.ch if last else h.shape[-1]
                block = layers.UpBottleneck(
                    features, conv, norm, upsample=last, resample=self.resample, name=f"block_{stage}_{index}"
                )
                h = shard_batch(run(block, h, condition, train=train))
            if 4 * 2 ** (stage + 1) in self.attention:
                h = run(layers.SelfAttention(name=f"attention_{stage}", **spectral), h)
        h = layers.BatchNorm(eps=self.bn_eps, groups=self.bn_groups, name="norm", **dtypes)(h, train=train)
        h = conv(self.image_channels, (3, 3), name="to_image")(nn.relu(h))
        return jnp.tanh(h.astype(jnp.float32))


class Discriminator(nn.Module):
    """Images and labels to logits, by projection.

    Attributes:
      depth: blocks a resolution; the first of them halves it.
      The others, ``conditioning`` and ``minibatch`` among them: as in :class:`jaxgan.networks.biggan.Discriminator`.
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
        """Scores images [B, H, W, C] in [-1, 1] under labels ([B] int or [B, num_classes] weights) -> [B] float32
        logits.
        """
        del train
        widths = widths_for(self.resolution, DISCRIMINATOR_WIDTHS, self.widths)
        init = layers.initializer(self.weight_init)
        dtypes: dict[str, Any] = dict(dtype=self.dtype, param_dtype=self.param_dtype)
        spectral: dict[str, Any] = dict(sn_eps=self.sn_eps, kernel_init=init, **dtypes)
        conv = functools.partial(layers.Conv, **spectral)
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
                h = run(layers.SelfAttention(name=f"attention_{stage}", **spectral), h)
        return pooled_logits(
            self,
            h,
            labels,
            num_classes=self.num_classes,
            conditioning=self.conditioning if self.num_classes else "none",
            minibatch=self.minibatch,
            sn_eps=self.sn_eps,
            kernel_init=init,
            param_dtype=self.param_dtype,
        )
