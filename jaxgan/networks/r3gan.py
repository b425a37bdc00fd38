"""R3GAN's generator and discriminator (Huang et al. 2025, arXiv:2501.05441, section 4, configuration E), by
brownvc/R3GAN's R3GAN/Networks.py and the sizes of its train.py.

Residual blocks of a 1x1, a grouped 3x3 and a 1x1 convolution without normalisation, started as in Fixup (Zhang et al.
2019, arXiv:1901.09321): the last convolution at zero, the others the smaller the more blocks there are. Only
activations have biases. The resolution changes through the filter [1, 2, 1]. G starts from a learned map for each
channel, scaled by a linear layer of z, and D ends in the inner product of each channel with a learned map.

Groups have 16 channels, but 32 in train.py's ImageNet runs. G's output is not squashed to [-1, 1]: the code trains on
it as it is.
"""

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgan import nn as layers
from jaxgan.networks.common import check_choice, check_entries, check_latents, pick
from jaxgan.networks.conditioning import check_conditioning
from jaxgan.networks.heads import MINIBATCH
from jaxgan.nn.grouped_conv import grouped_hooks
from jaxgan.parallel import shard_batch

_SLOPE = 0.2
OUTPUTS = ("linear", "tanh")


def _started(gain: float = 1.0) -> Any:
    """N(0, gain^2 / fan in)."""
    return nn.initializers.variance_scaling(gain**2, "fan_in", "normal")


def _padded(x: Array, axis: int) -> Array:
    width = [(0, 0)] * x.ndim
    width[axis] = (1, 1)
    return jnp.pad(x, width)


def upsample_smooth(x: Array) -> Array:
    """Doubles height and width and filters by [1, 2, 1] along each, zeros outside: [B, H, W, C] -> [B, 2H, 2W, C].

    With nearest-neighbour upsampling the filter becomes [1, 3, 3, 1] / 4: a pixel weighs three times its neighbour.
    """
    for axis in (1, 2):
        size = x.shape[axis]
        padded = _padded(x, axis)
        before = jax.lax.slice_in_dim(padded, 0, size, axis=axis)
        after = jax.lax.slice_in_dim(padded, 2, size + 2, axis=axis)
        pairs = jnp.stack([3 * x + before, 3 * x + after], axis + 1) / 4
        x = pairs.reshape(*x.shape[:axis], 2 * size, *x.shape[axis + 1 :])
    return x


def downsample_smooth(x: Array) -> Array:
    """Filters by [1, 3, 3, 1] / 8 along height and width, zeros outside, and halves both: [B, H, W, C] ->
    [B, H/2, W/2, C]; a quarter of the transpose of :func:`upsample_smooth`.

    Raises:
      ValueError: on odd sizes.
    """
    if x.shape[1] % 2 or x.shape[2] % 2:
        raise ValueError(f"downsampling by 2 needs even height and width, got {x.shape[1]}x{x.shape[2]}")
    for axis in (1, 2):
        padded = _padded(x, axis)
        size = x.shape[axis]
        a, b, c, d = (jax.lax.slice_in_dim(padded, i, i + size - 1, 2, axis) for i in range(4))
        x = (a + d + 3 * (b + c)) / 8
    return x


class Block(nn.Module):
    """x + 1x1(lrelu(3x3(lrelu(1x1(x))))), the 3x3 in groups; the identity at first, unless normalised.

    Attributes:
      blocks: of the whole network, which the first two convolutions' initial size falls with.
      expansion: hidden channels over those of x.
      group_size: hidden channels a group of the 3x3; None for one group.
      The others: see :mod:`jaxgan.networks.common`.
    """

    blocks: int
    expansion: int = 2
    group_size: int | None = 16
    spectral_norm: bool = False
    sn_eps: float = 1e-6
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """[B, H, W, C] -> [B, H, W, C].

        Raises:
          ValueError: where groups do not divide the hidden channels.
        """
        features = x.shape[-1]
        hidden = self.expansion * features
        size = self.group_size or hidden
        if hidden % size:
            raise ValueError(
                f"group_size={size} does not divide {features} * {self.expansion} hidden channels; None makes one group"
            )
        # The gain of a leaky ReLU, and L ** (-1 / (2 m - 2)) for m = 3 layers in each of L blocks.
        started = _started(math.sqrt(2 / (1 + _SLOPE**2)) * self.blocks**-0.25)
        shared = pick(self, "spectral_norm", "sn_eps", "dtype", "param_dtype")
        h = layers.Conv(hidden, (1, 1), kernel_init=started, name="conv_0", **shared)(x)
        grouped = layers.Conv(
            hidden, (3, 3), kernel_init=started, name="conv_1", **grouped_hooks(hidden // size), **shared
        )
        h = grouped(nn.leaky_relu(h, _SLOPE))
        at_first = started if self.spectral_norm else nn.initializers.zeros
        last = layers.Conv(features, (1, 1), use_bias=False, kernel_init=at_first, name="conv_2", **shared)
        return x + last(nn.leaky_relu(h, _SLOPE))


def _blocks_of(blocks: int | tuple[int, ...], stages: int) -> tuple[int, ...]:
    """The number of blocks of each stage.

    Raises:
      ValueError: on as many numbers as there are no stages.
    """
    if isinstance(blocks, int):
        return (blocks,) * stages
    check_entries("blocks", blocks, stages, "stage of widths")
    return tuple(blocks)


class Generator(nn.Module):
    """Latents, and labels where conditional, to images.

    The defaults are train.py's for CIFAR-10; the stage of the least resolution computes in float32, as there.

    Attributes:
      conditioning: 'none', or 'concat' for a class embedding joined to z.
      embed_dim: size of that embedding; None for z_dim.
      widths: channels of each stage, each of twice the resolution of the one before.
      blocks: residual blocks of each stage, or of all.
      expansion, group_size: see :class:`Block`.
      base: height and width of the first stage; images are base * 2 ** (stages - 1).
      image_channels: of the output.
      output: 'linear', or 'tanh' to keep images within [-1, 1].
      remat: as in :class:`jaxgan.networks.biggan.Generator`.
      The others: see :mod:`jaxgan.networks.common`.
    """

    num_classes: int = 0
    z_dim: int = 64
    conditioning: str = "none"
    embed_dim: int | None = None
    widths: tuple[int, ...] = (768, 768, 768, 768)
    blocks: int | tuple[int, ...] = 2
    expansion: int = 2
    group_size: int | None = 16
    base: tuple[int, int] = (4, 4)
    image_channels: int = 3
    output: str = "linear"
    remat: str = "none"
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, z: Array, labels: Array, *, train: bool) -> Array:
        """Draws images [B, H, W, image_channels] float32, about [-1, 1]; arguments as in
        :mod:`jaxgan.networks.common`.

        Raises:
          ValueError: where z has another size, ``blocks`` another length than ``widths``, groups do not divide, or the
            conditioning has no classes.
        """
        del train
        check_conditioning(self.conditioning, self.num_classes, accepted=("none", "concat"))
        check_choice("output", self.output, OUTPUTS)
        check_latents(self, z)
        blocks = _blocks_of(self.blocks, len(self.widths))
        wide: dict[str, Any] = dict(spectral_norm=False, dtype=jnp.float32, param_dtype=self.param_dtype)
        plain = functools.partial(
            layers.Conv, use_bias=False, spectral_norm=False, kernel_init=_started(), param_dtype=self.param_dtype
        )

        z = z.astype(jnp.float32)
        if self.conditioning == "concat":
            started = nn.initializers.normal(self.num_classes**-0.5)
            embed = layers.Embed(
                self.num_classes, self.embed_dim or self.z_dim, embedding_init=started, name="embed", **wide
            )
            z = jnp.concatenate([z, embed(labels)], axis=-1)
        scale = layers.Dense(self.widths[0], use_bias=False, kernel_init=_started(), name="project", **wide)(z)
        basis = self.param("basis", nn.initializers.normal(1.0), (*self.base, self.widths[0]), self.param_dtype)
        h = shard_batch(basis.astype(jnp.float32)[None] * scale[:, None, None])
        for stage, width in enumerate(self.widths):
            dtype = self.dtype if stage else jnp.float32
            h = h.astype(dtype)
            if stage:
                # A 1x1 convolution sees one pixel: it may as well see it before there are four.
                h = plain(width, (1, 1), dtype=dtype, name=f"project_{stage}")(h) if width != h.shape[-1] else h
                h = upsample_smooth(h)
            for index in range(blocks[stage]):
                shared = pick(self, "expansion", "group_size", "param_dtype", dtype=dtype)
                block = Block(sum(blocks), name=f"block_{stage}_{index}", **shared)
                h = shard_batch(layers.rematerialized(block, h, remat=self.remat))
        images = plain(self.image_channels, (1, 1), dtype=self.dtype, name="to_image")(h).astype(jnp.float32)
        return jnp.tanh(images) if self.output == "tanh" else images


class Discriminator(nn.Module):
    """Images, and labels where conditional, to logits.

    Attributes:
      blocks, expansion, group_size, remat: as in :class:`Generator`.
      conditioning: 'none', or 'projection' for <linear(h), embed(label)> alone, without a term that no label enters.
      embed_dim: the size of those two; None for the last width.
      widths: channels of each stage, each of half the resolution of the one before.
      spectral_norm: normalise every weight but the basis, which R3GAN does not. A kernel of zeros has no direction to
        normalise: the blocks' last ones start like the others then.
      minibatch: 'none'; 'discrimination' of the last representation; or 'stddev', a channel of the last map.
      The others: see :mod:`jaxgan.networks.common`.
    """

    num_classes: int = 0
    conditioning: str = "none"
    embed_dim: int | None = None
    widths: tuple[int, ...] = (768, 768, 768, 768)
    blocks: int | tuple[int, ...] = 2
    expansion: int = 2
    group_size: int | None = 16
    spectral_norm: bool = False
    sn_eps: float = 1e-6
    minibatch: str = "none"
    remat: str = "none"
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, images: Array, labels: Array, *, train: bool) -> Array:
        """Scores images [B, H, W, C], H and W divisible by 2 ** (stages - 1): [B] float32 logits. The channels' inner
        products [B, F] are shown to :func:`jaxgan.nn.sow_features`.

        Raises:
          ValueError: as :class:`Generator`, and on an unknown ``minibatch``.
        """
        del train
        check_conditioning(self.conditioning, self.num_classes, accepted=("none", "projection"))
        check_choice("minibatch", self.minibatch, MINIBATCH)
        blocks = _blocks_of(self.blocks, len(self.widths))
        spectral = pick(self, "spectral_norm", "sn_eps", "param_dtype")
        wide = spectral | dict(dtype=jnp.float32)
        plain = functools.partial(layers.Conv, use_bias=False, kernel_init=_started(), **spectral)

        h = shard_batch(images.astype(self.dtype))
        h = plain(self.widths[0], (1, 1), dtype=self.dtype, name="from_image")(h)
        for stage, width in enumerate(self.widths):
            dtype = jnp.float32 if stage == len(self.widths) - 1 else self.dtype
            if stage:
                h = downsample_smooth(h)
                h = plain(width, (1, 1), dtype=self.dtype, name=f"project_{stage}")(h) if width != h.shape[-1] else h
            h = h.astype(dtype)
            for index in range(blocks[stage]):
                shared = pick(self, "expansion", "group_size", dtype=dtype) | spectral
                block = Block(sum(blocks), name=f"block_{stage}_{index}", **shared)
                h = shard_batch(layers.rematerialized(block, h, remat=self.remat))
        if self.minibatch == "stddev":
            h = layers.minibatch_stddev(h)
        # Each channel's map has one input channel: its fan in is the number of positions.
        positions = h.shape[1] * h.shape[2]
        basis = self.param("basis", nn.initializers.normal(positions**-0.5), h.shape[1:], self.param_dtype)
        h = (h * basis.astype(jnp.float32)[None]).sum((1, 2))
        layers.sow_features(self, h[:, : self.widths[-1]])
        if self.minibatch == "discrimination":
            h = layers.MinibatchDiscrimination(name="minibatch")(h)
        linear = functools.partial(layers.Dense, use_bias=False, kernel_init=_started(), name="linear", **wide)
        if self.conditioning == "none":
            return linear(1)(h)[:, 0]
        size = self.embed_dim or self.widths[-1]
        started = nn.initializers.normal((size * self.num_classes) ** -0.5)
        embed = layers.Embed(self.num_classes, size, embedding_init=started, name="embed", **wide)
        return (linear(size)(h) * embed(labels)).sum(-1)
