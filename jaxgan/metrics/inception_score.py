"""Inception score (Salimans et al. 2016, arXiv:1606.03498, section 4), from sums that merge by addition."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxgan.parallel import gather, to_host


class ScoreSums(NamedTuple):
    """Sums over images in each split: count [S], p(y|x) [S, K] and sum over y of p log p [S], all float64."""

    count: Array  # type: ignore[assignment]  # tuple has a method of that name
    p: Array
    p_log_p: Array


def zero_score_sums(splits: int, classes: int) -> ScoreSums:
    """The sums of no image."""
    with jax.enable_x64(True):
        f64 = jnp.float64
        return ScoreSums(jnp.zeros((splits,), f64), jnp.zeros((splits, classes), f64), jnp.zeros((splits,), f64))


def add_logits(sums: ScoreSums, logits: Array, split: Array, weight: Array) -> ScoreSums:
    """Adds a batch; traceable under jit, over a mesh too, where every device then holds the whole sums.

    Args:
      sums: so far.
      logits: [B, K] float, of a classifier.
      split: [B] int within [0, S), from :func:`split_of`. Another value makes the sums NaN, which
        :func:`inception_score` reports: a traced function can't raise.
      weight: [B], 1 for an image that counts and 0 for padding, which may hold anything.

    Raises:
      ValueError: where the shapes do not fit.
    """
    splits, classes = sums.p.shape
    rows = logits.shape[:1]
    if logits.ndim != 2 or logits.shape[1] != classes or split.shape != rows or weight.shape != rows:
        raise ValueError(
            f"sums over {classes} classes take logits [B, {classes}], split [B] and weight [B], got {logits.shape}, "
            f"{split.shape} and {weight.shape}"
        )
    with jax.enable_x64(True):
        w = jnp.asarray(weight).astype(jnp.float64)
        split = jnp.asarray(split)
        x = jnp.where(w[:, None] > 0, jnp.asarray(logits).astype(jnp.float64), 0.0)
        outside = (w > 0) & ((split < 0) | (split >= splits))
        x = jnp.where(outside[:, None], jnp.nan, x)
        log_p = jax.nn.log_softmax(x)
        p = jnp.exp(log_p)
        # A logit of -inf gives 0 log 0, whose limit is 0.
        p_log_p = jnp.where(p == 0, 0.0, p * log_p).sum(1)
        member = jax.nn.one_hot(split, splits, dtype=jnp.float64) * w[:, None]
        highest = jax.lax.Precision.HIGHEST
        parts = (member.sum(0), jnp.matmul(member.T, p, precision=highest), jnp.matmul(member.T, p_log_p))
        return gather(ScoreSums(*(jnp.asarray(a) + b for a, b in zip(sums, parts))))


def inception_score(sums: ScoreSums) -> tuple[float, float]:
    """``(mean, std)`` over splits of exp E KL(p(y|x) || p(y)); the std is over splits with ddof 0, as published.

    Raises:
      ValueError: where a split has no image, or a logit or split number was invalid.
    """
    count, p, p_log_p = (np.asarray(x, np.float64) for x in to_host(tuple(sums)))
    if not all(np.isfinite(x).all() for x in (count, p, p_log_p)):
        raise ValueError(
            f"the sums of the Inception score are not finite: some logit was NaN or some split number outside "
            f"[0, {len(count)}); check the images, and take split numbers from split_of"
        )
    if (count < 1).any():
        raise ValueError(
            f"every split needs at least one image, got counts {count.astype(int).tolist()}; give all images, or use "
            "fewer splits"
        )
    marginal = p / count[:, None]
    entropy = -np.sum(marginal * np.log(np.where(marginal > 0, marginal, 1.0)), axis=1)
    scores = np.exp(p_log_p / count + entropy)
    return float(scores.mean()), float(scores.std())


def split_of(num_images: int, splits: int = 10, *, seed: int = 2020, shuffle: bool = True) -> np.ndarray:
    """[num_images] int: the split that each image belongs to, equal in size except for rounding.

    With the default seed image i falls where torch-fidelity's shuffled order puts it, so that scores agree. Without
    ``shuffle`` splits are runs of images in order, which is wrong where they come sorted by class.

    Raises:
      ValueError: on fewer images than splits.
    """
    if not 1 <= splits <= num_images:
        raise ValueError(f"cannot put {num_images} images into {splits} splits; use 1 to {num_images} splits")
    order = np.random.RandomState(seed).permutation(num_images) if shuffle else np.arange(num_images)
    sizes = np.diff(np.arange(splits + 1) * num_images // splits)
    split = np.empty(num_images, np.int32)
    split[order] = np.repeat(np.arange(splits), sizes)
    return split
