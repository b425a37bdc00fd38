"""BigGAN's generator and discriminator (Brock et al. 2018, arXiv:1809.11096, appendix B, tables 4 to 6).

Channel tables are BigGAN-PyTorch's for 32 to 256 pixels; 512 is the paper's table 6, on which compare_gan and StudioGAN
agree. The row for 16 pixels is this library's own, for handwritten digits. BigGAN-PyTorch has no 512-pixel
discriminator, and compare_gan's 64 differs in D ([2, 4, 8, 16, 16]); pass ``widths`` for another table.
"""

import functools
from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgan import nn as layers
from jaxgan.networks.common import batch_norm_fields, check_latents, first_map, pick, weight_fields
from jaxgan.networks.residual import pooled_logits, to_images, widths_for
from jaxgan.parallel import shard_batch

# Multiples of ch: the projection's channels first, then the output of each block, which doubles the resolution.
GENERATOR_WIDTHS: dict[int, tuple[int, ...]] = {
    16: (4, 4, 4),
    32: (4, 4, 4, 4),
    64: (16, 16, 8, 4, 2),
    128: (16, 16, 8, 4, 2, 1),
    256: (16, 16, 8, 8, 4, 2, 1),
    512: (16, 16, 8, 8, 4, 2, 1, 1),
}
# Multiples of ch: the output of each block. All but the last halve the resolution; at 16 and 32 only the first two do.
DISCRIMINATOR_WIDTHS: dict[int, tuple[int, ...]] = {
    16: (4, 4, 4),
    32: (4, 4, 4, 4),
    64: (1, 2, 4, 8, 16),
    128: (1, 2, 4, 8, 16, 16),
    256: (1, 2, 4, 8, 8, 16, 16),
    512: (1, 1, 2, 4, 8, 8, 16, 16),
}


def shared_embedding(network: Any, labels: Array) -> Array:
    """The class embedding of a generator, shared by its norms and not spectrally normalised: [B, shared_dim]."""
    fields = pick(network, "dtype", "param_dtype", embedding_init=layers.initializer(network.weight_init))
    table = layers.Embed(network.num_classes, network.shared_dim, spectral_norm=False, name="shared", **fields)
    return table(labels)


class Generator(nn.Module):
    """Latents and labels to images.

    Attributes:
      num_classes: classes; with 0 the condition is the chunk of z alone, or without ``skip_z`` there is none and the
        norms are plain.
      resolution: the row of the paper's tables: the image's side where ``base`` is (4, 4).
      ch: the channel multiplier.
      z_dim: latent size; with ``skip_z`` a multiple of blocks + 1 (the paper rounds: 120 at 128 pixels, 140 at 256; 160
        at 512 in the TF release, 128 in BigGAN-PyTorch).
      shared_dim: size of the class embedding shared by all conditional norms; None gives each norm tables of its own.
        Neither is spectrally normalised (BigGAN-PyTorch).
      skip_z: cut z in blocks + 1 chunks; the first is projected to a map, the others join the class at each block.
      attention: resolutions after whose block self-attention follows, in the table's terms.
      base: height and width of the projection; images are base * 2 ** blocks, and need not be square.
      image_channels: of the output.
      widths: another row of multiples of ch, see ``GENERATOR_WIDTHS``.
      class_first: condition is [class, z] (BigGAN-PyTorch) or [z, class] (compare_gan); only a weight converter need
        care.
      remat: what the backward pass computes again, see :func:`jaxgan.nn.rematerialized`.
      resample: how the convolutions next to an upsampling or a pool are computed, equal up to rounding: 'auto' (by the
        platform, docs/resampling.md) or a form of :mod:`jaxgan.nn.resample_conv`.
      The others: see :mod:`jaxgan.networks.common`.
    """

    num_classes: int
    resolution: int = 128
    ch: int = 96
    z_dim: int = 120
    shared_dim: int | None = 128
    skip_z: bool = True
    attention: tuple[int, ...] = (64,)
    base: tuple[int, int] = (4, 4)
    image_channels: int = 3
    widths: tuple[int, ...] | None = None
    class_first: bool = True
    weight_init: str = "orthogonal"
    bn_eps: float = 1e-5
    bn_groups: int | None = None
    sn_eps: float = 1e-6
    remat: str = "none"
    resample: str = "auto"
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, z: Array, labels: Array, *, train: bool) -> Array:
        """Draws images [B, H, W, image_channels] float32 in [-1, 1]; arguments as in :mod:`jaxgan.networks.common`.

        Raises:
          ValueError: where z has another size, or ``skip_z`` cannot cut it evenly or lacks ``shared_dim``.
        """
        widths = widths_for(self.resolution, GENERATOR_WIDTHS, self.widths)
        blocks = len(widths) - 1
        check_latents(self, z)
        if self.skip_z and self.z_dim % (blocks + 1):
            nearest = (blocks + 1) * max(1, round(self.z_dim / (blocks + 1)))
            raise ValueError(
                f"skip_z cuts z in {blocks + 1} equal chunks: z_dim={self.z_dim} is no multiple; try {nearest}"
            )
        if self.skip_z and self.num_classes and self.shared_dim is None:
            raise ValueError("skip_z=True joins z to the shared class embedding: set shared_dim (the paper: 128)")

        weights = weight_fields(self, spectral_norm=True)
        conv = functools.partial(layers.Conv, **weights)
        run = functools.partial(layers.rematerialized, remat=self.remat)
        statistics = batch_norm_fields(self)
        own_tables = bool(self.num_classes) and self.shared_dim is None
        norm: Any = functools.partial(
            layers.ConditionalBatchNorm,
            num_classes=self.num_classes if own_tables else None,
            # Class tables are not normalised, shared or not: BigGAN-PyTorch found that it cripples G.
            **(statistics | weights | dict(spectral_norm=not own_tables)),
        )
        if not self.num_classes and not self.skip_z:
            norm = functools.partial(layers.BatchNorm, **statistics)

        z = z.astype(self.dtype)
        chunks = jnp.split(z, blocks + 1, axis=-1) if self.skip_z else [z] * (blocks + 1)
        conditions: list[Array | None]
        if not self.num_classes:
            conditions = [*chunks[1:]] if self.skip_z else [None] * blocks
        elif self.shared_dim is None:
            conditions = [labels] * blocks
        else:
            shared = shared_embedding(self, labels)
            conditions = [shared] * blocks
            if self.skip_z:
                order = (lambda c: [shared, c]) if self.class_first else (lambda c: [c, shared])
                conditions = [jnp.concatenate(order(chunk), axis=-1) for chunk in chunks[1:]]

        h = first_map(chunks[0], self.base, widths[0] * self.ch, **weights)
        for index, multiple in enumerate(widths[1:]):
            block = layers.UpBlock(multiple * self.ch, conv, norm, resample=self.resample, name=f"block_{index}")
            h = shard_batch(run(block, h, conditions[index], train=train))
            if 4 * 2 ** (index + 1) in self.attention:
                h = run(layers.SelfAttention(name=f"attention_{index}", **weights), h)
        return to_images(h, self.image_channels, statistics, train=train, **weights)


class Discriminator(nn.Module):
    """Images and labels to logits, by projection (Miyato & Koyama 2018, arXiv:1802.05637), or images alone.

    Attributes:
      resolution, ch, attention, remat, resample: as in :class:`Generator`.
      conditioning: 'projection', or 'none' to ignore labels; without classes it is 'none'.
      minibatch: 'none', 'discrimination' or 'stddev', see :func:`jaxgan.networks.residual.pooled_logits`.
      widths: another row of multiples of ch, see ``DISCRIMINATOR_WIDTHS``.
      The others: see :mod:`jaxgan.networks.common`.
    """

    num_classes: int
    resolution: int = 128
    ch: int = 96
    conditioning: str = "projection"
    minibatch: str = "none"
    attention: tuple[int, ...] = (64,)
    widths: tuple[int, ...] | None = None
    weight_init: str = "orthogonal"
    sn_eps: float = 1e-6
    remat: str = "none"
    resample: str = "auto"
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, images: Array, labels: Array, *, train: bool) -> Array:
        """Scores images [B, H, W, C], H and W divisible by the blocks that halve them: [B] float32 logits, linear(h) +
        <embed(label), h>, h the features summed (not averaged) over positions, which are shown to
        :func:`jaxgan.nn.sow_features`.
        """
        del train
        widths = widths_for(self.resolution, DISCRIMINATOR_WIDTHS, self.widths)
        weights = weight_fields(self, spectral_norm=True)
        conv = functools.partial(layers.Conv, **weights)
        run = functools.partial(layers.rematerialized, remat=self.remat)
        halvings = 2 if self.resolution <= 32 else len(widths) - 1

        h = shard_batch(images.astype(self.dtype))
        for index, multiple in enumerate(widths):
            block = layers.DownBlock(
                multiple * self.ch,
                conv,
                downsample=index < halvings,
                preactivation=index > 0,
                resample=self.resample,
                name=f"block_{index}",
            )
            h = shard_batch(run(block, h))
            if index < halvings and self.resolution // 2 ** (index + 1) in self.attention:
                h = run(layers.SelfAttention(name=f"attention_{index}", **weights), h)
        conditioning = self.conditioning if self.num_classes else "none"
        return pooled_logits(self, h, labels, conditioning=conditioning, spectral_norm=True)
