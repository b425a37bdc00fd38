"""StyleGAN2's networks: a mapping from latents to styles, a generator whose convolutions the styles modulate, with
skips of colours, and a residual discriminator (Karras et al. 2020, arXiv:1912.04958; with the details of
StyleGAN2-ADA, arXiv:2006.06676).
"""

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgan import nn as layers
from jaxgan.networks.common import check_choice
from jaxgan.networks.styles import NOISES, SLOPE, Mapping, mixed_with_drawn, styles_of
from jaxgan.nn.equalized import EqualizedConv, EqualizedDense, scale_of
from jaxgan.nn.modulated_conv import modulated_conv
from jaxgan.nn.upfirdn import upsample
from jaxgan.parallel import shard_batch

ARCHITECTURES = ("resnet", "orig")


def activate(x: Array, *, gain: float = 1.0, clamp: float | None = None) -> Array:
    """Leaky ReLU of slope 0.2 times sqrt(2) and ``gain``, within ``clamp`` times ``gain`` where that is given."""
    y = jax.nn.leaky_relu(x, SLOPE) * jnp.asarray(math.sqrt(2) * gain, x.dtype)
    return y if clamp is None else jnp.clip(y, -clamp * gain, clamp * gain)


def widths_of(count: int, *, channel_base: int, channel_max: int) -> list[int]:
    """Channels at each of ``count`` sides from 4 pixels on."""
    return [min(channel_base // (4 * 2**number), channel_max) for number in range(count)]


class StyleLayer(nn.Module):
    """A modulated convolution, noise, bias and leaky ReLU.

    Attributes:
      features: channels that come out.
      up: whether it doubles the resolution.
      clamp: bound of what comes out; None for none.
      dtype, param_dtype: of the computation and of the parameters.
    """

    features: int
    up: bool = False
    clamp: float | None = None
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Array, w: Array, *, noise: str | Array) -> Array:
        """Features [B, H, W, C] and w [B, w_dim] -> [B, H, W, features].

        ``noise`` is [B or 1, H, W, 1], or of ``NOISES``: 'random' draws from the stream 'noise', and 'const' is the
        same in every image, kept in the collection 'noise'.
        """
        styles = EqualizedDense(x.shape[-1], bias_start=1.0, name="affine", param_dtype=self.param_dtype)(w)
        shape = (3, 3, x.shape[-1], self.features)
        kernel = self.param("kernel", nn.initializers.normal(1.0), shape, self.param_dtype)
        y = modulated_conv(x.astype(self.dtype), kernel, styles, up=self.up)
        size = y.shape[1:3]
        strength = self.param("noise_strength", nn.initializers.zeros, (), self.param_dtype)
        fixed = self.variable("noise", "const", lambda: jax.random.normal(self.make_rng("params"), size))
        if not isinstance(noise, str):
            y = y + (noise * strength).astype(self.dtype)
        elif noise == "random":
            drawn = shard_batch(jax.random.normal(self.make_rng("noise"), (y.shape[0], *size, 1)))
            y = y + (drawn * strength).astype(self.dtype)
        elif noise == "const":
            y = y + (fixed.value * strength).astype(self.dtype)[None, :, :, None]
        bias = self.param("bias", nn.initializers.zeros, (self.features,), self.param_dtype)
        return activate(shard_batch(y + bias.astype(self.dtype)[None, None, None]), clamp=self.clamp)


class ToRgb(nn.Module):
    """Features to colours: a modulated 1x1 convolution without demodulation.

    Attributes:
      channels: of the image.
      clamp, dtype, param_dtype: as of :class:`StyleLayer`.
    """

    channels: int
    clamp: float | None = None
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Array, w: Array) -> Array:
        """[B, H, W, C] -> [B, H, W, channels] float32."""
        shape = (1, 1, x.shape[-1], self.channels)
        kernel = self.param("kernel", nn.initializers.normal(1.0), shape, self.param_dtype)
        styles = EqualizedDense(x.shape[-1], bias_start=1.0, name="affine", param_dtype=self.param_dtype)(w)
        y = modulated_conv(x.astype(self.dtype), kernel, styles * scale_of(shape), demodulate=False)
        bias = self.param("bias", nn.initializers.zeros, (self.channels,), self.param_dtype)
        y = y + bias.astype(self.dtype)[None, None, None]
        return (y if self.clamp is None else jnp.clip(y, -self.clamp, self.clamp)).astype(jnp.float32)


class Generator(nn.Module):
    """Latents and classes to images.

    Attributes:
      num_classes: of the condition; 0 for none.
      z_dim, w_dim: numbers of a latent and of a style.
      resolution: of the image's longer side, base times a power of two.
      base: height and width of the constant that it starts from; (4, 3) for images such as 512x384.
      image_channels: of the image.
      channel_base, channel_max: channels at a side are ``channel_base`` / side, at most ``channel_max``; 32,768 is
        config F, 16,384 config E.
      mapping_layers: of the mapping network.
      mixing: share of the batches in train mode whose styles are of two latents, from a layer on that is drawn.
      low_sides: how many of the upper sides are computed in ``low_dtype``; the smallest never is.
      low_dtype: of 16 bits.
      clamp: bound of what convolutions give; None for none.
      param_dtype: of the parameters.
    """

    num_classes: int = 0
    z_dim: int = 512
    w_dim: int = 512
    resolution: int = 256
    base: tuple[int, int] = (4, 4)
    image_channels: int = 3
    channel_base: int = 32_768
    channel_max: int = 512
    mapping_layers: int = 8
    mixing: float = 0.9
    low_sides: int = 0
    low_dtype: Any = jnp.bfloat16
    clamp: float | None = None
    param_dtype: Any = jnp.float32

    # A scale of z changes nothing.
    normalizes_latents: ClassVar[bool] = True

    @property
    def sides(self) -> int:
        """How many resolutions there are."""
        found = round(math.log2(self.resolution / max(self.base))) + 1
        if found < 1 or max(self.base) * 2 ** (found - 1) != self.resolution:
            raise ValueError(f"resolution={self.resolution} is not base={self.base} times a power of two")
        return found

    @property
    def num_ws(self) -> int:
        """Styles of an image: two at each side."""
        return 2 * self.sides

    @property
    def noise_sizes(self) -> tuple[tuple[int, int], ...]:
        """Height and width of each layer's noise: of one layer at the first side, of two at each later one."""
        sides = [2 ** ((number + 1) // 2) for number in range(2 * self.sides - 1)]
        return tuple((self.base[0] * side, self.base[1] * side) for side in sides)

    def const_noise(self, variables: Any) -> tuple[Array, ...]:
        """The noise 'const' of each layer, [1, h, w, 1], of the network's variables."""
        found = []
        for number in range(2 * self.sides - 1):
            name = f"b{4 * 2 ** ((number + 1) // 2)}_conv{1 - number % 2}"
            found.append(variables["noise"][name]["const"][None, :, :, None])
        return tuple(found)

    def setup(self) -> None:
        """The layers of every side."""
        widths = widths_of(self.sides, channel_base=self.channel_base, channel_max=self.channel_max)
        self.map = Mapping(
            self.w_dim, self.num_classes, self.mapping_layers, param_dtype=self.param_dtype, name="mapping"
        )
        normal = nn.initializers.normal(1.0)
        self.const = self.param("const", normal, (*self.base, widths[0]), self.param_dtype)
        conv0, conv1, to_rgb = [], [], []
        for number, width in enumerate(widths):
            low = number >= max(self.sides - self.low_sides, 1)
            fields: dict[str, Any] = dict(
                clamp=self.clamp, dtype=self.low_dtype if low else jnp.float32, param_dtype=self.param_dtype
            )
            name = f"b{4 * 2**number}"
            if number:
                conv0.append(StyleLayer(width, up=True, name=f"{name}_conv0", **fields))
            conv1.append(StyleLayer(width, name=f"{name}_conv1", **fields))
            to_rgb.append(ToRgb(self.image_channels, name=f"{name}_torgb", **fields))
        self.conv0, self.conv1, self.to_rgb = conv0, conv1, to_rgb

    def __call__(
        self,
        z: Array,
        labels: Array,
        *,
        train: bool,
        psi: Array | float = 1.0,
        cutoff: Array | int | None = None,
        noise: str = "random",
    ) -> Array:
        """Images [B, H, W, C] float32, about in [-1, 1]: there is no tanh.

        Args:
          z: [B, z_dim].
          labels: int [B], or float class weights [B, num_classes]; not used without classes.
          train: mixes styles, under the stream 'mix', and moves the average of w.
          psi, cutoff: of truncation; see :func:`jaxgan.networks.styles.truncated`.
          noise: one of ``NOISES``.
        """
        ws = styles_of(self, z, labels, train=train, psi=psi, cutoff=cutoff)
        if train:
            ws = mixed_with_drawn(self, ws, z, labels)
        return self.synthesize(ws, train=train, noise=noise)

    def styles(
        self, z: Array, labels: Array, *, train: bool, psi: Array | float = 1.0, cutoff: Array | int | None = None
    ) -> Array:
        """ws [B, num_ws, w_dim] of latents; see :func:`jaxgan.networks.styles.styles_of`."""
        return styles_of(self, z, labels, train=train, psi=psi, cutoff=cutoff)

    def training_styles(self, z: Array, labels: Array, *, train: bool = True) -> Array:
        """Mixed styles, as training's images have them, while the average stays where it is."""
        ws = jnp.repeat(self.map(z, labels, train=train, move=False)[:, None], self.num_ws, axis=1)
        return mixed_with_drawn(self, ws, z, labels)

    def synthesize(self, ws: Array, *, train: bool = False, noise: str | Sequence[Array] = "random") -> Array:
        """Images of styles [B, num_ws, w_dim]; the same in both modes. ``noise`` is of ``NOISES``, or an array a layer
        of ``noise_sizes``.
        """
        del train
        if isinstance(noise, str):
            check_choice("noise", noise, NOISES)

        def of(number: int) -> str | Array:
            return noise if isinstance(noise, str) else noise[number]

        x = jnp.broadcast_to(self.const[None], (ws.shape[0], *self.const.shape))
        image = None
        for number in range(self.sides):
            if number:
                x = self.conv0[number - 1](x, ws[:, 2 * number - 1], noise=of(2 * number - 1))
            x = self.conv1[number](x, ws[:, 2 * number], noise=of(2 * number))
            # Its style is that of the next side's first convolution.
            colours = self.to_rgb[number](x, ws[:, 2 * number + 1])
            image = colours if image is None else upsample(image) + colours
        assert image is not None
        return shard_batch(image)


class Discriminator(nn.Module):
    """Images to logits.

    Attributes:
      num_classes: of the condition, which is projected (Miyato & Koyama 2018) by a mapping network; 0 for none.
      resolution, base, channel_base, channel_max, low_sides, low_dtype, clamp, param_dtype: as of :class:`Generator`.
      architecture: 'resnet', or 'orig' for no skips (CIFAR-10).
      stddev_rows: rows over which the standard deviation is taken; None for the batch.
    """

    num_classes: int = 0
    resolution: int = 256
    base: tuple[int, int] = (4, 4)
    channel_base: int = 32_768
    channel_max: int = 512
    architecture: str = "resnet"
    stddev_rows: int | None = 4
    low_sides: int = 0
    low_dtype: Any = jnp.bfloat16
    clamp: float | None = None
    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, images: Array, labels: Array, *, train: bool) -> Array:
        """Logits [B] float32 of images [B, H, W, C]."""
        del train
        check_choice("architecture", self.architecture, ARCHITECTURES)
        sides = round(math.log2(self.resolution / max(self.base))) + 1
        size = tuple(side * 2 ** (sides - 1) for side in self.base)
        if images.shape[1:3] != size:
            raise ValueError(f"images of {images.shape[1:3]}: the discriminator takes {size}")
        widths = widths_of(sides, channel_base=self.channel_base, channel_max=self.channel_max)
        residual = self.architecture == "resnet"
        gain = math.sqrt(0.5) if residual else 1.0
        x = images
        for number in reversed(range(1, sides)):
            low = number >= sides - self.low_sides
            fields: dict[str, Any] = dict(dtype=self.low_dtype if low else jnp.float32, param_dtype=self.param_dtype)
            name = f"b{4 * 2**number}"
            if number == sides - 1:
                x = activate(EqualizedConv(widths[number], 1, name=f"{name}_fromrgb", **fields)(x), clamp=self.clamp)
            h = activate(EqualizedConv(widths[number], name=f"{name}_conv0", **fields)(x), clamp=self.clamp)
            h = EqualizedConv(widths[number - 1], down=True, name=f"{name}_conv1", **fields)(h)
            h = activate(h, gain=gain, clamp=self.clamp)
            if residual:
                skip = EqualizedConv(widths[number - 1], 1, down=True, use_bias=False, name=f"{name}_skip", **fields)(x)
                h = h + skip * jnp.asarray(gain, skip.dtype)
            x = shard_batch(h)
        x = layers.minibatch_stddev(x.astype(jnp.float32), group_size=self.stddev_rows)
        x = activate(EqualizedConv(widths[0], name="b4_conv", param_dtype=self.param_dtype)(x), clamp=self.clamp)
        # As the reference's units are ordered, channels first.
        x = jnp.moveaxis(x, 3, 1).reshape(x.shape[0], -1)
        x = activate(EqualizedDense(widths[0], name="b4_fc", param_dtype=self.param_dtype)(x))
        layers.sow_features(self, x)
        if not self.num_classes:
            return EqualizedDense(1, name="b4_out", param_dtype=self.param_dtype)(x)[:, 0]
        x = EqualizedDense(widths[0], name="b4_out", param_dtype=self.param_dtype)(x)
        mapping = Mapping(widths[0], self.num_classes, decay=None, param_dtype=self.param_dtype, name="mapping")
        direction = mapping(None, labels, train=False)
        return (x * direction).sum(1) / math.sqrt(widths[0])
