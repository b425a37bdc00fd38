"""Losses of heads on a discriminator's features: classification (ACGAN), mutual information with codes (InfoGAN)."""

import math

import jax
import jax.numpy as jnp
from jax import Array


def classification_loss(logits: Array, labels: Array) -> Array:
    """Mean cross entropy, -L_C of ACGAN (Odena et al. 2016, arXiv:1610.09585, eq. 3) for one kind of image.

    There both players minimise it, D on real and on generated images, G on its own.

    Args:
      logits: [B, K] of the classifier.
      labels: [B] int, or weights [B, K] float.

    Returns:
      [] float32.

    Raises:
      ValueError: where shapes don't fit.
    """
    log_probability = jax.nn.log_softmax(logits.astype(jnp.float32))
    # A product in place of a gather, which stays where its rows lie.
    weights = jax.nn.one_hot(labels, logits.shape[-1]) if jnp.issubdtype(labels.dtype, jnp.integer) else labels
    if logits.ndim != 2 or weights.shape != logits.shape:
        raise ValueError(
            f"labels must be [B] int or [B, K] float for logits [B, K], got {labels.shape} {labels.dtype}"
            f" for {logits.shape}"
        )
    return -(weights * log_probability).sum(-1).mean()


def categorical_information_loss(logits: Array, onehot: Array) -> Array:
    """-mean log Q(c | x) of a categorical code: H(c) - L_I of InfoGAN (Chen et al. 2016, arXiv:1606.03657, eq. 5).

    H(c), log K where codes are uniform, is left out, for it has no gradient: L_I is log K less this. Both G and Q
    minimise it.

    Args:
      logits: [B, K], or [B, N, K] for N codes, whose losses are added.
      onehot: the codes, of the same shape.

    Returns:
      [] float32.

    Raises:
      ValueError: where shapes differ.
    """
    if logits.shape != onehot.shape:
        raise ValueError(f"logits and codes must have one shape, got {logits.shape} and {onehot.shape}")
    log_probability = jax.nn.log_softmax(logits.astype(jnp.float32))
    return -(onehot * log_probability).reshape(logits.shape[0], -1).sum(1).mean()


def gaussian_information_loss(mean: Array, log_std: Array | float, code: Array) -> Array:
    """-mean log Q(c | x) of continuous codes, Q a Gaussian without correlation: H(c) - L_I (arXiv:1606.03657, eq. 5).

    It includes 1/2 log 2 pi for each code, so that L_I of codes uniform on [-1, 1] is log 2 for each code less this.
    H(c) is left out. openai/InfoGAN, whose head gives log variances, subtracts in place of H(c) the cross entropy of
    the codes with N(0, 1), which has no gradient either.

    Args:
      mean: [B, N] of the head.
      log_std: [B, N], or anything that goes with it; 0 for the deviation of 1 that openai/InfoGAN has on MNIST.
      code: [B, N].

    Returns:
      [] float32: a sum over codes, a mean over the batch.

    Raises:
      ValueError: where the shapes of mean and code differ.
    """
    if mean.shape != code.shape:
        raise ValueError(f"means and codes must have one shape, got {mean.shape} and {code.shape}")
    log_std = jnp.asarray(log_std, jnp.float32)
    standard = (code - mean.astype(jnp.float32)) * jnp.exp(-log_std)
    return (0.5 * math.log(2.0 * math.pi) + log_std + 0.5 * jnp.square(standard)).sum(1).mean()
