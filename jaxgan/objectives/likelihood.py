"""Negative log-likelihoods of pixels in nats: Bernoulli, Gaussian, discretised logistic; summed over an example."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

LEVELS = 256


def _sum(each: Array) -> Array:
    return each.astype(jnp.float32).reshape(each.shape[0], -1).sum(1)


def _same_shape(name: str, *arrays: Array) -> None:
    if len({x.shape for x in arrays}) != 1:
        raise ValueError(f"{name} needs arrays of one shape, got {[x.shape for x in arrays]}")


def bernoulli_nats(logits: Array, bits: Array) -> Array:
    """-log p of binary values whose logits are given (VAE's decoder of binarised MNIST: Kingma & Welling 2013,
    arXiv:1312.6114, appendix C.1).

    Args:
      logits: [B, ...] float, of 1.
      bits: of the same shape, 0 or 1.

    Returns:
      [B] float32.

    Raises:
      ValueError: where shapes differ.
    """
    _same_shape("bernoulli_nats", logits, bits)
    wide = logits.astype(jnp.float32)
    return _sum(jax.nn.softplus(wide) - bits * wide)


def gaussian_nats(mean: Array, log_scale: Array, values: Array) -> Array:
    """-log of the density N(mean, exp(log_scale)^2) (arXiv:1312.6114, appendix C.2).

    Args:
      mean, log_scale, values: [B, ...] float of one shape.

    Returns:
      [B] float32.

    Raises:
      ValueError: where shapes differ.
    """
    _same_shape("gaussian_nats", mean, log_scale, values)
    mean, log_scale = mean.astype(jnp.float32), log_scale.astype(jnp.float32)
    return _sum(0.5 * jnp.square((values - mean) * jnp.exp(-log_scale)) + log_scale + 0.5 * np.log(2 * np.pi))


def discretised_logistic_log_p(mean: Array, log_scale: Array, levels: Array, *, count: int = LEVELS) -> Array:
    """log of the probability that a logistic variable lies in a pixel's level, the outer levels open to infinity
    (Kingma et al. 2016, arXiv:1606.04934, section 5.2; PixelCNN++, arXiv:1701.05517, section 2.1).

    The difference of two sigmoids is written as sigmoid(a) sigmoid(-b) (1 - exp(b - a)), which is exact and loses no
    digits, so that nothing is clipped; the probabilities of all levels sum to 1.

    Args:
      mean: [...] float, in the scale of images in [-1, 1].
      log_scale: of the same shape, of the logistic distribution.
      levels: of the same shape, int in [0, count).
      count: levels, at least 2; the first is -1 and the last 1.

    Returns:
      [...] float32.

    Raises:
      ValueError: where shapes differ.
    """
    _same_shape("discretised_logistic_log_p", mean, log_scale, levels)
    mean, log_scale = mean.astype(jnp.float32), log_scale.astype(jnp.float32)
    inverse, half = jnp.exp(-log_scale), 1 / (count - 1)
    values = levels.astype(jnp.float32) * (2 * half) - 1.0
    upper = (values - mean + half) * inverse
    lower = (values - mean - half) * inverse
    log_upper, log_lower = jax.nn.log_sigmoid(upper), jax.nn.log_sigmoid(-lower)
    inside = log_upper + log_lower + jnp.log(-jnp.expm1(-2 * half * inverse))
    return jnp.where(levels == 0, log_upper, jnp.where(levels == count - 1, log_lower, inside))


def discretised_logistic_nats(mean: Array, log_scale: Array, levels: Array) -> Array:
    """Minus :func:`discretised_logistic_log_p` of bytes, summed over an example: [B] of [B, ...].

    Raises:
      ValueError: where shapes differ.
    """
    return _sum(-discretised_logistic_log_p(mean, log_scale, levels))


def logit_laplace_nats(mean: Array, log_scale: Array, values: Array) -> Array:
    """-log of the density of a value in (0, 1) whose logit is Laplace (DALL-E: Ramesh et al. 2021, arXiv:2102.12092,
    appendix A.3).

    Args:
      mean, log_scale: [B, ...] float, of the logit.
      values: of the same shape, in (0, 1).

    Returns:
      [B] float32.

    Raises:
      ValueError: where shapes differ.
    """
    _same_shape("logit_laplace_nats", mean, log_scale, values)
    mean, log_scale, values = (x.astype(jnp.float32) for x in (mean, log_scale, values))
    logit = jnp.log(values) - jnp.log1p(-values)
    inside = jnp.log(2 * values * (1 - values)) + log_scale
    return _sum(inside + jnp.abs(logit - mean) * jnp.exp(-log_scale))
