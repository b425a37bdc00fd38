"""SNGAN's residual generator and discriminator (Miyato et al. 2018, arXiv:1802.05957, appendix B.4; conditional: Miyato
& Koyama 2018, arXiv:1802.05637, appendix A).

Channel tables are those of the released code (pfnet-research/sngan_projection: gen_models/resnet_32.py, resnet_64.py,
resnet.py and resnet_256.py, dis_models/snresnet_32.py and so on); 48 is the first paper's table 5, for STL-10. The rows
for 16 and 28 pixels are this library's own, for handwritten digits. Where the papers' tables and the code disagree, the
code is followed: features are summed over positions, and the linear layer at 32 pixels has no bias. The papers' G draws
its class by conditional batch norm, their D by projection, or, for comparison, by concatenation inside the network.
"""

import functools
import math
from typing import Any, ClassVar

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgan import nn as layers
from jaxgan.networks.common import batch_norm_fields, check_latents, first_map, pick, weight_fields
from jaxgan.networks.conditioning import check_conditioning
from jaxgan.networks.residual import pooled_logits, to_images, widths_for
from jaxgan.parallel import shard_batch

# Multiples of ch: the projection's channels first, then the output of each block, which doubles the resolution.
GENERATOR_WIDTHS: dict[int, tuple[int, ...]] = {
    16: (1, 1, 1),
    28: (1, 1, 1),
    32: (1, 1, 1, 1),
    48: (8, 4, 2, 1),
    64: (16, 8, 4, 2, 1),
    128: (16, 16, 8, 4, 2, 1),
    256: (16, 16, 8, 8, 4, 2, 1),
}
# Multiples of ch: the output of each block, of which the first HALVINGS halve the resolution.
DISCRIMINATOR_WIDTHS: dict[int, tuple[int, ...]] = {
    16: (1, 1, 1, 1),
    28: (1, 1, 1, 1),
    32: (1, 1, 1, 1),
    48: (1, 2, 4, 8, 16),
    64: (1, 2, 4, 8, 16),
    128: (1, 2, 4, 8, 16, 16),
    256: (1, 2, 4, 8, 8, 16, 16),
}
HALVINGS: dict[int, int] = {16: 2, 28: 2, 32: 2, 48: 4, 64: 5, 128: 5, 256: 6}
# Height and width of the projection, where they are not 4.
_BASE: dict[int, tuple[int, int]] = {28: (7, 7), 48: (6, 6)}


def block_conv(block_init: Any, **weights: Any) -> Any:
    """Makes convolutions with the fields ``weights``, whose 3x3 kernels start from ``block_init`` instead."""

    def make(features: int, kernel_size: tuple[int, int], **fields: Any) -> nn.Module:
        start = dict(kernel_init=block_init) if kernel_size == (3, 3) else {}
        return layers.Conv(features, kernel_size, **(weights | start), **fields)

    return make


def _initializers(weight_init: str | None, block_gain: float) -> tuple[Any, Any]:
    """Those of most layers, and of the blocks' 3x3 convolutions."""
    if weight_init is not None:
        return (layers.initializer(weight_init),) * 2
    scaled = functools.partial(nn.initializers.variance_scaling, mode="fan_avg", distribution="uniform")
    return scaled(1.0), scaled(block_gain**2)


def _attention_heights(attention: tuple[int, ...] | None, resolution: int) -> tuple[int, ...]:
    """``attention``, or SAGAN's: at maps of 32 pixels, or of half the image where that is smaller."""
    return (min(32, resolution // 2),) if attention is None else attention


class Generator(nn.Module):
    """Latents, and labels where conditional, to images.

    Attributes:
      resolution: the row of the tables: the image's side with the row's own ``base``.
      ch: the channel multiplier; None for the code's, ``default_ch``: 256 up to 32 pixels, 64 above.
      conditioning: 'none', or 'cbn' for a gain and a bias of each class in every norm of the blocks (from 1 and 0).
      spectral_norm: normalise G's weights too, as SAGAN does; class tables are not.
      attention: heights of the maps after which self-attention follows; None for SAGAN's choice: 32, or half the image
        where that is smaller.
      base: height and width of the projection; None for (4, 4), but (7, 7) at 28 and (6, 6) at 48. Images are
        base * 2 ** blocks.
      image_channels: of the output.
      widths: another row of multiples of ch, see ``GENERATOR_WIDTHS``.
      weight_init: None for the code's uniform Glorot, or a name of :func:`jaxgan.nn.initializer`.
      block_gain: Glorot's gain in the blocks' 3x3 convolutions.
      bn_eps, bn_momentum, bn_groups: of the norms, as in :class:`jaxgan.nn.BatchNorm`; eps is Chainer's.
      remat, resample: as in :class:`jaxgan.networks.biggan.Generator`.
      The others: see :mod:`jaxgan.networks.common`.
    """

    default_ch: ClassVar[tuple[int, int]] = (256, 64)

    num_classes: int = 0
    resolution: int = 32
    ch: int | None = None
    z_dim: int = 128
    conditioning: str = "none"
    spectral_norm: bool = False
    attention: tuple[int, ...] | None = ()
    base: tuple[int, int] | None = None
    image_channels: int = 3
    widths: tuple[int, ...] | None = None
    weight_init: str | None = None
    block_gain: float = math.sqrt(2)
    bn_eps: float = 2e-5
    bn_momentum: float = 0.9
    bn_groups: int | None = None
    sn_eps: float = 1e-12
    remat: str = "none"
    resample: str = "auto"
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, z: Array, labels: Array, *, train: bool) -> Array:
        """Draws images [B, H, W, image_channels] float32 in [-1, 1]; arguments as in :mod:`jaxgan.networks.common`.

        Raises:
          ValueError: where z has another size, the resolution no row, or the conditioning no classes.
        """
        check_conditioning(self.conditioning, self.num_classes, accepted=("none", "cbn"))
        widths = widths_for(self.resolution, GENERATOR_WIDTHS, self.widths)
        check_latents(self, z)
        ch = self.ch or self.default_ch[self.resolution > 32]
        init, block_init = _initializers(self.weight_init, self.block_gain)
        weights = weight_fields(self, kernel_init=init)
        conv = block_conv(block_init, **weights)
        statistics = batch_norm_fields(self, momentum=self.bn_momentum)
        run = functools.partial(layers.rematerialized, remat=self.remat)
        heights = _attention_heights(self.attention, self.resolution)
        if self.conditioning == "cbn":
            # Zeros in the tables: gains are one plus theirs.
            tables: dict[str, Any] = dict(spectral_norm=False, kernel_init=nn.initializers.zeros)
            norm: Any = functools.partial(layers.ConditionalBatchNorm, self.num_classes, **tables, **statistics)
            condition = labels
        else:
            norm, condition = functools.partial(layers.BatchNorm, **statistics), None

        base = self.base or _BASE.get(self.resolution, (4, 4))
        h = first_map(z.astype(self.dtype), base, widths[0] * ch, **weights)
        for index, multiple in enumerate(widths[1:]):
            block = layers.UpBlock(multiple * ch, conv, norm, resample=self.resample, name=f"block_{index}")
            h = shard_batch(run(block, h, condition, train=train))
            if h.shape[1] in heights:
                h = run(layers.SelfAttention(name=f"attention_{index}", **weights), h)
        return to_images(h, self.image_channels, statistics, train=train, **weights)


class Discriminator(nn.Module):
    """Images, and labels where conditional, to logits.

    Attributes:
      resolution, attention, weight_init, block_gain, remat, resample: as in :class:`Generator`.
      ch: the channel multiplier; None for the code's, ``default_ch``: 128 up to 32 pixels, 64 above.
      conditioning: 'none'; 'projection' (arXiv:1802.05637, eq. 3); or 'concat', a class embedding joined to the
        channels of the first map of at most 16 pixels (the code's ConcatDiscriminator, which is for 128 pixels alone).
      concat_dim: size of that embedding.
      spectral_norm: normalise every weight, the class tables too.
      wide: the blocks' hidden channels are those of their output rather than of their input.
      pooling: 'sum' or 'mean' of the last features over positions.
      head_bias: of the linear layer; None for the code's: from 48 pixels on.
      minibatch: 'none', 'discrimination' or 'stddev', see :func:`jaxgan.networks.residual.pooled_logits`.
      widths: another row of multiples of ch, see ``DISCRIMINATOR_WIDTHS``.
      The others: see :mod:`jaxgan.networks.common`.
    """

    default_ch: ClassVar[tuple[int, int]] = (128, 64)

    num_classes: int = 0
    resolution: int = 32
    ch: int | None = None
    conditioning: str = "none"
    concat_dim: int = 128
    spectral_norm: bool = True
    attention: tuple[int, ...] | None = ()
    wide: bool = False
    pooling: str = "sum"
    head_bias: bool | None = None
    minibatch: str = "none"
    widths: tuple[int, ...] | None = None
    weight_init: str | None = None
    block_gain: float = math.sqrt(2)
    sn_eps: float = 1e-12
    remat: str = "none"
    resample: str = "auto"
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, images: Array, labels: Array, *, train: bool) -> Array:
        """Scores images [B, H, W, C], H and W divisible by the blocks that halve them: [B] float32 logits. The pooled
        features are shown to :func:`jaxgan.nn.sow_features`.
        """
        del train
        check_conditioning(self.conditioning, self.num_classes, accepted=("none", "projection", "concat"))
        widths = widths_for(self.resolution, DISCRIMINATOR_WIDTHS, self.widths)
        ch = self.ch or self.default_ch[self.resolution > 32]
        init, block_init = _initializers(self.weight_init, self.block_gain)
        weights = weight_fields(self, kernel_init=init)
        conv = block_conv(block_init, **weights)
        run = functools.partial(layers.rematerialized, remat=self.remat)
        heights = _attention_heights(self.attention, self.resolution)

        h = shard_batch(images.astype(self.dtype))
        waiting = self.conditioning == "concat"
        for index, multiple in enumerate(widths):
            if waiting and index and h.shape[1] <= 16:
                table = pick(self, "spectral_norm", "sn_eps", "dtype", "param_dtype", embedding_init=init)
                label = layers.Embed(self.num_classes, self.concat_dim, name="label", **table)(labels)
                label = jnp.broadcast_to(label[:, None, None], (*h.shape[:3], self.concat_dim))
                h, waiting = jnp.concatenate([h, label], axis=-1), False
            block = layers.DownBlock(
                multiple * ch,
                conv,
                downsample=index < HALVINGS[self.resolution],
                preactivation=index > 0,
                hidden=None if self.wide or index == 0 else h.shape[-1],
                resample=self.resample,
                name=f"block_{index}",
            )
            h = shard_batch(run(block, h))
            if h.shape[1] in heights and index < HALVINGS[self.resolution]:
                h = run(layers.SelfAttention(name=f"attention_{index}", **weights), h)
        head_bias = self.resolution > 32 if self.head_bias is None else self.head_bias
        return pooled_logits(self, h, labels, pooling=self.pooling, use_bias=head_bias, kernel_init=init)
