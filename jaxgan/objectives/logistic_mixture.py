"""Mixtures of discretised logistics over the channels of a pixel (PixelCNN++: Salimans et al. 2017, arXiv:1701.05517,
section 2.1 and 2.2).
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from jaxgan.objectives.likelihood import discretised_logistic_log_p

# As openai/pixel-cnn: no narrower than this.
LEAST_LOG_SCALE = -7.0


class Mixture(NamedTuple):
    """Of each pixel; K components, C channels.

    Attributes:
      logits: [..., K], of the components.
      means: [..., K, C], in the scale of [-1, 1], of a channel where those before it are 0.
      log_scales: [..., K, C].
      coefficients: [..., K, C (C - 1) / 2] in (-1, 1), by which a channel's mean moves with the channels before it: of
        channel 1 by channel 0, of 2 by 0 and by 1.
    """

    logits: Array
    means: Array
    log_scales: Array
    coefficients: Array


def mixture_size(components: int, channels: int) -> int:
    """Numbers a pixel."""
    return components * (1 + 2 * channels + channels * (channels - 1) // 2)


def mixture_of(outputs: Array, channels: int) -> Mixture:
    """The numbers [..., K (1 + 2 C + C (C - 1) / 2)] of a network's last layer as a mixture, in float32.

    Raises:
      ValueError: where their number does not fit.
    """
    each = mixture_size(1, channels)
    if outputs.shape[-1] % each:
        raise ValueError(f"mixture_of needs a multiple of {each} numbers for {channels} channels, got {outputs.shape}")
    parts = outputs.astype(jnp.float32).reshape(*outputs.shape[:-1], -1, each)
    ends = (1, 1 + channels, 1 + 2 * channels)
    logits, means, log_scales, coefficients = jnp.split(parts, ends, axis=-1)
    return Mixture(logits[..., 0], means, jnp.maximum(log_scales, LEAST_LOG_SCALE), jnp.tanh(coefficients))


def _mean(mixture: Mixture, values: Array, channel: int) -> Array:
    """[..., K], of a channel given those before it in ``values`` [..., C] in [-1, 1]."""
    start = channel * (channel - 1) // 2
    moved = mixture.coefficients[..., start : start + channel] * values[..., None, :channel]
    return mixture.means[..., channel] + moved.sum(-1)


def logistic_mixture_nats(outputs: Array, levels: Array, *, count: int = 256) -> Array:
    """-log of the probability of images, each channel given those before it.

    Exact for every level, where the code takes the density at a level's middle for probabilities below 1e-5.

    Args:
      outputs: [B, H, W, N], see :func:`mixture_of`.
      levels: [B, H, W, C] int in [0, count).
      count: levels of a channel.

    Returns:
      [B] float32.
    """
    channels = levels.shape[-1]
    mixture, values = mixture_of(outputs, channels), levels.astype(jnp.float32) * (2 / (count - 1)) - 1
    log_p = jax.nn.log_softmax(mixture.logits)
    for channel in range(channels):
        mean, scale = _mean(mixture, values, channel), mixture.log_scales[..., channel]
        level = jnp.broadcast_to(levels[..., channel, None], mean.shape)
        log_p = log_p + discretised_logistic_log_p(mean, scale, level, count=count)
    return -jax.nn.logsumexp(log_p, axis=-1).reshape(levels.shape[0], -1).sum(1)


def draw_from_mixture(keys: Array, outputs: Array, given: Array, temperature: Array, *, count: int = 256) -> Array:
    """Levels of one pixel, a component first and then channel after channel.

    A channel's value is rounded to its level before the next is drawn: these are draws of the probabilities of
    :func:`logistic_mixture_nats`, where the code goes on with what lies between levels.

    Args:
      keys: [B].
      outputs: [B, N].
      given: [B, C] int, levels that are kept where they are not negative.
      temperature: [], that logits are divided by and scales are multiplied with.
      count: levels of a channel.

    Returns:
      [B, C] int32.
    """
    mixture = mixture_of(outputs, given.shape[-1])

    def row(key: Array, own: Mixture, given: Array) -> Array:
        chosen, drawn = jax.random.split(key)
        component = jax.random.categorical(chosen, own.logits / temperature)
        one = Mixture(*(jax.lax.dynamic_slice_in_dim(part, component, 1, 0) for part in own))
        noise = jax.random.logistic(drawn, given.shape)
        levels = jnp.zeros(given.shape, jnp.int32)
        for channel in range(given.shape[0]):
            mean = _mean(one, levels.astype(jnp.float32) * (2 / (count - 1)) - 1, channel)[0]
            value = mean + temperature * jnp.exp(one.log_scales[0, channel]) * noise[channel]
            level = jnp.round((jnp.clip(value, -1, 1) + 1) * ((count - 1) / 2)).astype(jnp.int32)
            levels = levels.at[channel].set(jnp.where(given[channel] < 0, level, given[channel]))
        return levels

    return jax.vmap(row)(keys, mixture, given)
