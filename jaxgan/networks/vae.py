"""Encoder and decoder of variational autoencoders (Kingma & Welling 2013, arXiv:1312.6114, appendix C).

Dense layers as the paper's, or with ``channels`` convolutions of stride two before them and transposed ones after. The
decoder gives the parameters of each pixel's distribution, which :mod:`jaxgan.methods.vae` knows.
"""

from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgan import nn as layers
from jaxgan.networks.common import check_choice, check_latents, weight_fields
from jaxgan.networks.mlp import ACTIVATIONS
from jaxgan.nn.fractional_conv import up_conv
from jaxgan.parallel import shard_batch


class Encoder(nn.Module):
    """Images to the mean and the logarithm of the variance of their latents.

    Attributes:
      z_dim: numbers of a latent.
      hidden: units of each dense layer.
      channels: of each convolution of stride two before them; () for none.
      activation: 'relu', 'leaky_relu' or 'tanh', the paper's.
      The others: see :mod:`jaxgan.networks.common`.
    """

    z_dim: int = 20
    hidden: tuple[int, ...] = (400,)
    channels: tuple[int, ...] = ()
    activation: str = "relu"
    spectral_norm: bool = False
    sn_eps: float = 1e-6
    weight_init: str = "orthogonal"
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, images: Array, *, train: bool) -> tuple[Array, Array]:
        """Images [B, H, W, C] float in [-1, 1] -> (mean, log of the variance), [B, z_dim] float32 each.

        Raises:
          ValueError: on an unknown activation.
        """
        check_choice("activation", self.activation, ACTIVATIONS)
        act = _activation(self)
        fields = weight_fields(self)
        h = shard_batch(images.astype(self.dtype))
        for index, width in enumerate(self.channels):
            conv = layers.Conv(width, (4, 4), strides=(2, 2), padding=((1, 1), (1, 1)), name=f"conv_{index}", **fields)
            h = shard_batch(act(conv(h)))
        h = h.reshape(h.shape[0], -1)
        for index, units in enumerate(self.hidden):
            h = act(layers.Dense(units, name=f"dense_{index}", **fields)(h))
        mean = layers.Dense(self.z_dim, name="mean", **fields)(h)
        log_variance = layers.Dense(self.z_dim, name="log_variance", **fields)(h)
        return mean.astype(jnp.float32), log_variance.astype(jnp.float32)


class Decoder(nn.Module):
    """Latents to parameters of each pixel.

    Attributes:
      image_shape: (H, W, C).
      parameters: numbers a channel: 1 for a logit, 2 for a mean and the logarithm of a scale.
      hidden: units of each dense layer.
      channels: of each transposed convolution after them, from the smallest map on; () for none.
      The others: as in :class:`Encoder`.
    """

    image_shape: tuple[int, int, int]
    parameters: int = 1
    z_dim: int = 20
    hidden: tuple[int, ...] = (400,)
    channels: tuple[int, ...] = ()
    activation: str = "relu"
    spectral_norm: bool = False
    sn_eps: float = 1e-6
    weight_init: str = "orthogonal"
    resample: str = "auto"
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, z: Array, *, train: bool) -> Array:
        """Latents [B, z_dim] -> [B, H, W, C, parameters] float32.

        Raises:
          ValueError: where z has another size, the convolutions do not halve the image evenly, or on an activation that
            there is not.
        """
        check_choice("activation", self.activation, ACTIVATIONS)
        check_latents(self, z)
        act, fields = _activation(self), weight_fields(self)
        height, width, channels = self.image_shape
        out, halved = channels * self.parameters, 2 ** len(self.channels)
        if height % halved or width % halved:
            raise ValueError(
                f"{len(self.channels)} convolutions halve images of {height}x{width}: give sides in multiples of "
                f"{halved}"
            )
        h = shard_batch(z.astype(self.dtype))
        for index, units in enumerate(self.hidden):
            h = act(layers.Dense(units, name=f"dense_{index}", **fields)(h))
        if self.channels:
            rows, columns = height // halved, width // halved
            h = act(layers.Dense(rows * columns * self.channels[0], name="project", **fields)(h))
            h = shard_batch(h.reshape(-1, rows, columns, self.channels[0]))
            for index, features in enumerate((*self.channels[1:], out)):
                conv = up_conv(features, 4, resample=self.resample, name=f"conv_{index}", **fields)
                h = shard_batch(conv(h) if index == len(self.channels) - 1 else act(conv(h)))
        else:
            h = layers.Dense(height * width * out, name="pixels", **fields)(h)
        return h.reshape(-1, height, width, channels, self.parameters).astype(jnp.float32)


def _activation(network: Any) -> Any:
    return lambda h: ACTIVATIONS[network.activation](h, 0.2)
