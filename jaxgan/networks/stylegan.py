"""StyleGAN's generator: styles set the mean and the deviation of every map, noise is added to every one, and the sides
grow (Karras et al. 2019, arXiv:1812.04948, section 2; code NVlabs/stylegan). The discriminator is ProGAN's, and blurs.
"""

import math
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgan import nn as layers
from jaxgan.networks.common import check_choice
from jaxgan.networks.progan import Discriminator, grow, sides_of, width_at
from jaxgan.networks.styles import NOISES, SLOPE, Mapping, mixed_with_drawn, styles_of
from jaxgan.nn.equalized import EqualizedConv, EqualizedDense
from jaxgan.nn.upfirdn import upfirdn
from jaxgan.parallel import shard_batch

__all__ = ["Discriminator", "Epilogue", "Generator"]


class Epilogue(nn.Module):
    """Noise, bias, leaky ReLU, and a norm of each map whose deviation and mean are the style's (AdaIN, eq. 1).

    Attributes:
      param_dtype: of the parameters.
    """

    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Array, w: Array, *, noise: str) -> Array:
        """Features [B, H, W, C] and w [B, w_dim] -> [B, H, W, C]; ``noise`` is one of
        :data:`jaxgan.networks.styles.NOISES`.
        """
        channels, size = x.shape[-1], x.shape[1:3]
        strength = self.param("noise_strength", nn.initializers.zeros, (channels,), self.param_dtype)
        fixed = self.variable("noise", "const", lambda: jax.random.normal(self.make_rng("params"), size))
        if noise == "random":
            drawn = shard_batch(jax.random.normal(self.make_rng("noise"), (x.shape[0], *size, 1)))
            x = x + (drawn * strength[None, None, None]).astype(x.dtype)
        elif noise == "const":
            x = x + (fixed.value[None, :, :, None] * strength[None, None, None]).astype(x.dtype)
        bias = self.param("bias", nn.initializers.zeros, (channels,), self.param_dtype)
        x = layers.instance_norm(jax.nn.leaky_relu(x + bias.astype(x.dtype)[None, None, None], SLOPE), eps=1e-8)
        style = EqualizedDense(2 * channels, name="style", param_dtype=self.param_dtype)(w).astype(x.dtype)
        scale, shift = jnp.split(style[:, None, None], 2, axis=-1)
        return x * (scale + 1) + shift


class Generator(nn.Module):
    """Latents and classes to images.

    Attributes:
      num_classes, z_dim, resolution, side, fade, image_channels, channel_base, channel_max, dtype, param_dtype: as of
        :class:`jaxgan.networks.progan.Generator`.
      w_dim: numbers of a style.
      mapping_layers: of the mapping network.
      mixing: share of the batches in train mode whose styles are of two latents.
    """

    num_classes: int = 0
    z_dim: int = 512
    w_dim: int = 512
    resolution: int = 1024
    side: int | None = None
    fade: bool = False
    image_channels: int = 3
    channel_base: int = 8_192
    channel_max: int = 512
    mapping_layers: int = 8
    mixing: float = 0.9
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    # A scale of z changes nothing.
    normalizes_latents: ClassVar[bool] = True

    @property
    def num_ws(self) -> int:
        """Styles of an image at the side that is drawn: two at each."""
        return 2 * len(sides_of(self.side or self.resolution))

    def setup(self) -> None:
        """The mapping; the layers of every side are made where they are called."""
        self.map = Mapping(
            self.w_dim,
            self.num_classes,
            self.mapping_layers,
            gain_of_weights=True,
            param_dtype=self.param_dtype,
            name="mapping",
        )

    def __call__(
        self,
        z: Array,
        labels: Array,
        *,
        train: bool,
        alpha: Array | float = 1.0,
        psi: Array | float = 1.0,
        cutoff: Array | int | None = None,
        noise: str = "random",
    ) -> Array:
        """Images [B, side, side, C] float32, about in [-1, 1]: there is no tanh.

        Args:
          z: [B, z_dim].
          labels: int [B], or float class weights [B, num_classes]; not used without classes.
          train: mixes styles, under the stream 'mix', and moves the average of w.
          alpha: [] in [0, 1], of the side that fades in.
          psi, cutoff: of truncation; see :func:`jaxgan.networks.styles.truncated`.
          noise: one of :data:`jaxgan.networks.styles.NOISES`.
        """
        ws = styles_of(self, z, labels, train=train, psi=psi, cutoff=cutoff)
        if train:
            ws = mixed_with_drawn(self, ws, z, labels)
        return self.synthesize(ws, train=train, alpha=alpha, noise=noise)

    def styles(
        self, z: Array, labels: Array, *, train: bool, psi: Array | float = 1.0, cutoff: Array | int | None = None
    ) -> Array:
        """ws [B, num_ws, w_dim] of latents; see :func:`jaxgan.networks.styles.styles_of`."""
        return styles_of(self, z, labels, train=train, psi=psi, cutoff=cutoff)

    @nn.compact
    def synthesize(self, ws: Array, *, train: bool = False, alpha: Array | float = 1.0, noise: str = "random") -> Array:
        """Images of styles [B, num_ws, w_dim]; the same in both modes."""
        del train
        check_choice("noise", noise, NOISES)
        types: dict[str, Any] = dict(dtype=self.dtype, param_dtype=self.param_dtype)
        widths = dict(channel_base=self.channel_base, channel_max=self.channel_max)

        def styled(x: Array, number: int, name: str) -> Array:
            # At initialisation all sides' layers are made, which are more than the styles of a small one.
            w = ws[:, min(number, ws.shape[1] - 1)]
            return Epilogue(name=f"{name}_epilogue", param_dtype=self.param_dtype)(x, w, noise=noise)

        def conv(x: Array, features: int, name: str) -> Array:
            return EqualizedConv(features, gain=math.sqrt(2), use_bias=False, name=name, **types)(x)

        def to_rgb(x: Array, side: int) -> Array:
            return EqualizedConv(self.image_channels, 1, name=f"{side}_to_rgb", **types)(x).astype(jnp.float32)

        def block(x: Array | None, side: int) -> Array:
            width, number = width_at(side, **widths), 2 * sides_of(side).index(side)
            if x is None:
                const = self.param("const", nn.initializers.ones, (4, 4, width), self.param_dtype)
                x = styled(jnp.broadcast_to(const.astype(self.dtype)[None], (ws.shape[0], 4, 4, width)), 0, "4_const")
                return styled(conv(x, width, "4_conv"), 1, "4_conv")
            x = conv(layers.upsample_nearest(shard_batch(x)), width, f"{side}_conv0")
            x = styled(upfirdn(x, (1, 2, 1), pads=(1, 1)), number, f"{side}_conv0")
            return styled(conv(x, width, f"{side}_conv1"), number + 1, f"{side}_conv1")

        return grow(self, block, to_rgb, alpha)
