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
from jaxgan.networks.heads import LogitHead
from jaxgan.parallel import shard_batch

# Multiples of ch: the seed's channels first, then the output of each block, which doubles the resolution.
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


def widths_for(resolution: int, table: dict[int, tuple[int, ...]], widths: tuple[int, ...] | None) -> tuple[int, ...]:
    """The row of ``table``, or ``widths`` in its place where given, of the same length.

    Raises:
      ValueError: on an unknown resolution or a wrong length.
    """
    if resolution not in table:
        raise ValueError(f"resolution={resolution} is not in the paper's tables; choose from {sorted(table)}")
    row = table[resolution]
    if widths is None:
        return row
    if len(widths) != len(row):
        raise ValueError(
            f"widths={tuple(widths)} has {len(widths)} entries; resolution {resolution} has {len(row)}: {row}"
        )
    return tuple(widths)


def pooled_logits(
    discriminator: nn.Module,
    features: Array,
    labels: Array | None,
    *,
    pooling: str = "sum",
    minibatch: str = "none",
    spectral_norm: bool = True,
    **head: Any,
) -> Array:
    """The end of a residual discriminator: ReLU, pooling over positions, and the logit of the pooled features, which
    are shown to :func:`jaxgan.nn.sow_features`.

    Args:
      discriminator: the network, inside its call; the head joins it as ``head``.
      features: the last map, [B, H, W, C] float.
      labels: as :class:`jaxgan.networks.heads.LogitHead` takes them.
      pooling: see :func:`jaxgan.nn.pooled`.
      minibatch: what tells the head about the batch: 'none', 'discrimination' of the pooled features, or 'stddev', a
        channel of the map.
      spectral_norm: of the head's weights.
      **head: other fields of the head.

    Returns:
      [B] float32.
    """
    h = layers.pooled(features, pooling)
    layers.sow_features(discriminator, h)
    if minibatch == "stddev":
        h = layers.pooled(layers.minibatch_stddev(nn.relu(features)), pooling)
        minibatch = "none"
    return LogitHead(minibatch=minibatch, spectral_norm=spectral_norm, name="head", **head)(h, labels)


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
      skip_z: cut z in blocks + 1 chunks; the first seeds the image, the others join the class at each block.
      attention: resolutions after whose block self-attention follows, in the table's terms.
      base: height and width of the seed; images are base * 2 ** blocks, and need not be square.
      image_channels: of the output.
      widths: another row of multiples of ch, see ``GENERATOR_WIDTHS``.
      class_first: condition is [class, z] (BigGAN-PyTorch) or [z, class] (compare_gan); only a weight converter need
        care.
      weight_init: see :func:`jaxgan.nn.initializers.initializer`.
      bn_eps, bn_groups, sn_eps: of the norms; ``bn_groups`` as ``groups`` in :class:`jaxgan.nn.BatchNorm`.
      remat: what the backward pass computes again, see :func:`jaxgan.nn.rematerialized`.
      resample: how the convolutions beside an upsampling or a pool are computed, equal up to rounding: 'auto' (by the
        platform, docs/resampling.md) or a form of :mod:`jaxgan.nn.resample_conv`.
      dtype, param_dtype: of the computation and of the parameters.
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
        """Draws images.

        Args:
          z: [B, z_dim] float.
          labels: [B] int, or [B, num_classes] float class weights, for mixtures.
          train: normalise with the batch's statistics.

        Returns:
          [B, H, W, image_channels] float32 in [-1, 1].

        Raises:
          ValueError: where z has another size, or ``skip_z`` cannot cut it evenly or lacks ``shared_dim``.
        """
        widths = widths_for(self.resolution, GENERATOR_WIDTHS, self.widths)
        blocks = len(widths) - 1
        if z.shape[-1] != self.z_dim:
            raise ValueError(f"z has {z.shape[-1]} columns, but z_dim={self.z_dim}")
        if self.skip_z and self.z_dim % (blocks + 1):
            nearest = (blocks + 1) * max(1, round(self.z_dim / (blocks + 1)))
            raise ValueError(
                f"skip_z cuts z in {blocks + 1} equal chunks: z_dim={self.z_dim} is no multiple; try {nearest}"
            )
        if self.skip_z and self.num_classes and self.shared_dim is None:
            raise ValueError("skip_z=True joins z to the shared class embedding: set shared_dim (the paper: 128)")

        init = layers.initializer(self.weight_init)
        dtypes: dict[str, Any] = dict(dtype=self.dtype, param_dtype=self.param_dtype)
        spectral: dict[str, Any] = dict(sn_eps=self.sn_eps, kernel_init=init, **dtypes)
        conv = functools.partial(layers.Conv, **spectral)
        run = functools.partial(layers.rematerialized, remat=self.remat)
        statistics: dict[str, Any] = dict(eps=self.bn_eps, groups=self.bn_groups)
        own_tables = bool(self.num_classes) and self.shared_dim is None
        norm: Any = functools.partial(
            layers.ConditionalBatchNorm,
            num_classes=self.num_classes if own_tables else None,
            # Class tables are not normalised, shared or not: BigGAN-PyTorch found that it cripples G.
            spectral_norm=not own_tables,
            **statistics,
            **spectral,
        )
        if not self.num_classes and not self.skip_z:
            norm = functools.partial(layers.BatchNorm, **statistics, **dtypes)

        z = z.astype(self.dtype)
        chunks = jnp.split(z, blocks + 1, axis=-1) if self.skip_z else [z] * (blocks + 1)
        conditions: list[Array | None]
        if not self.num_classes:
            conditions = [*chunks[1:]] if self.skip_z else [None] * blocks
        elif self.shared_dim is None:
            conditions = [labels] * blocks
        else:
            embed = layers.Embed(
                self.num_classes, self.shared_dim, spectral_norm=False, embedding_init=init, name="shared", **dtypes
            )
            shared = embed(labels)
            conditions = [shared] * blocks
            if self.skip_z:
                order = (lambda c: [shared, c]) if self.class_first else (lambda c: [c, shared])
                conditions = [jnp.concatenate(order(chunk), axis=-1) for chunk in chunks[1:]]

        height, width = self.base
        h = layers.Dense(height * width * widths[0] * self.ch, name="project", **spectral)(chunks[0])
        h = h.reshape(-1, height, width, widths[0] * self.ch)
        for index, multiple in enumerate(widths[1:]):
            block = layers.UpBlock(multiple * self.ch, conv, norm, resample=self.resample, name=f"block_{index}")
            h = shard_batch(run(block, h, conditions[index], train=train))
            if 4 * 2 ** (index + 1) in self.attention:
                h = run(layers.SelfAttention(name=f"attention_{index}", **spectral), h)
        h = layers.BatchNorm(name="norm", **statistics, **dtypes)(h, train=train)
        h = conv(self.image_channels, (3, 3), name="to_image")(nn.relu(h))
        return jnp.tanh(h.astype(jnp.float32))


class Discriminator(nn.Module):
    """Images and labels to logits, by projection (Miyato & Koyama 2018, arXiv:1802.05637), or images alone.

    Attributes:
      num_classes, resolution, ch, attention, weight_init, sn_eps, remat, resample, dtype, param_dtype: as in
        :class:`Generator`.
      conditioning: 'projection', or 'none' to ignore labels; without classes it is 'none'.
      minibatch: 'none', 'discrimination' or 'stddev', see :func:`pooled_logits`.
      widths: another row of multiples of ch, see ``DISCRIMINATOR_WIDTHS``.
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
        """Scores images.

        Args:
          images: [B, H, W, C] float in [-1, 1]; H and W divisible by the blocks that halve them.
          labels: [B] int, or [B, num_classes] float class weights.
          train: accepted so that all networks are called alike; nothing here depends on it.

        Returns:
          [B] float32 logits: linear(h) + <embed(label), h>, h the features summed (not averaged) over positions, which
          are shown to :func:`jaxgan.nn.sow_features`.
        """
        del train
        widths = widths_for(self.resolution, DISCRIMINATOR_WIDTHS, self.widths)
        init = layers.initializer(self.weight_init)
        dtypes: dict[str, Any] = dict(dtype=self.dtype, param_dtype=self.param_dtype)
        spectral: dict[str, Any] = dict(sn_eps=self.sn_eps, kernel_init=init, **dtypes)
        conv = functools.partial(layers.Conv, **spectral)
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
                h = run(layers.SelfAttention(name=f"attention_{index}", **spectral), h)
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
