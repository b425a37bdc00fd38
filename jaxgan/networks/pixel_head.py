"""Last layers of autoregressive models of pixels, and draws of a pixel: its channels one after another."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array


class ChannelHead(nn.Module):
    """Two layers of ReLU to the logits of each channel, which are told the channels before it (van den Oord et al.
    2016, arXiv:1601.06759, split the hidden channels in three groups and mask them).

    Attributes:
      levels: of a channel.
      channels: of a pixel.
      hidden: units of both layers.
      width: numbers that a channel's level is told in.
      param_dtype: of the parameters.
    """

    levels: int
    channels: int
    hidden: int
    width: int = 1
    param_dtype: Any = jnp.float32

    def setup(self) -> None:
        """The layers."""

        def dense(size: int, *, bias: bool = True) -> nn.Dense:
            init = nn.initializers.variance_scaling(1.0, "fan_in", "truncated_normal")
            return nn.Dense(size, use_bias=bias, kernel_init=init, param_dtype=self.param_dtype)

        self.first, self.second = dense(self.hidden), dense(self.hidden)
        self.told = [dense(self.hidden, bias=False) for _ in range(1, self.channels)]
        self.logits = [dense(self.levels) for _ in range(self.channels)]

    def __call__(self, features: Array, told: Array) -> Array:
        """[..., channels, levels] float32 of features [..., F] and the channels as numbers [..., channels * width]."""
        h = self.first(jax.nn.relu(features))
        found = []
        for channel in range(self.channels):
            g = h if channel == 0 else h + self.told[channel - 1](told[..., : channel * self.width])
            found.append(self.logits[channel](jax.nn.relu(self.second(jax.nn.relu(g)))))
        return jnp.stack(found, axis=-2).astype(jnp.float32)


def draw_pixel(
    logits: Callable[[Array, Array], Array],
    keys: Array,
    features: Array,
    place: Array,
    temperature: Array,
    given: Array,
) -> Array:
    """The channels of one pixel, one after another: int32 [B, channels].

    Args:
      logits: (features [B, F], levels int [B, channels]) -> [B, channels, levels].
      keys: [B], a row's own randomness.
      features: [B, F].
      place: [], the pixel's number.
      temperature: [] that logits are divided by.
      given: int [B, channels], levels that are kept where they are not negative.
    """
    drawn = jnp.zeros(given.shape, jnp.int32)
    for channel in range(given.shape[1]):
        number = place * given.shape[1] + channel
        own = jax.vmap(lambda key, n=number: jax.random.fold_in(key, n))(keys)
        found = logits(features, drawn)[:, channel] / temperature
        level = jax.vmap(jax.random.categorical)(own, found).astype(jnp.int32)
        drawn = drawn.at[:, channel].set(jnp.where(given[:, channel] < 0, level, given[:, channel]))
    return drawn
