"""Train on synthetic, test on real (Esteban et al. 2017, arXiv:1706.02633; as CAS in Ravuri & Vinyals 2019,
arXiv:1905.10887).
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxgan.networks.classifier import Classifier
from jaxgan.nn import from_uint8

Predict = Callable[[np.ndarray], np.ndarray]


def _optimizer(learning_rate: float, steps: int) -> optax.GradientTransformation:
    return optax.adam(optax.cosine_decay_schedule(learning_rate, steps))


# Of the module, not of a call: classifiers of real images and of samples, at every evaluation, are one program.
@functools.partial(jax.jit, static_argnums=(4, 5, 6))
def _step(
    params: dict, opt: optax.OptState, x: jax.Array, y: jax.Array, num_classes: int, learning_rate: float, steps: int
) -> tuple[dict, optax.OptState]:
    def loss(params: dict) -> jax.Array:
        logits = Classifier(num_classes).apply(params, from_uint8(x))
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()

    updates, opt = _optimizer(learning_rate, steps).update(jax.grad(loss)(params), opt, params)
    return optax.apply_updates(params, updates), opt


@functools.partial(jax.jit, static_argnums=2)
def _classify(params: dict, x: jax.Array, num_classes: int) -> jax.Array:
    logits: Any = Classifier(num_classes).apply(params, from_uint8(x))
    return logits.argmax(-1)


def _fit(
    images: np.ndarray,
    labels: np.ndarray,
    *,
    num_classes: int,
    steps: int = 500,
    batch_size: int = 64,
    learning_rate: float = 2e-3,
    seed: int = 0,
) -> tuple[Callable[[jax.Array], jax.Array], Any]:
    """The logits' function and the parameters of a classifier that was trained on images."""
    module = Classifier(num_classes)
    params = module.init(jax.random.key(seed), from_uint8(jnp.asarray(images[:1])))
    opt = _optimizer(learning_rate, steps).init(params)
    draw = np.random.default_rng(seed)
    for _ in range(steps):
        rows = draw.integers(0, len(labels), batch_size)
        params, opt = _step(params, opt, images[rows], labels[rows], num_classes, learning_rate, steps)

    def logits_of(x: jax.Array) -> jax.Array:
        logits: Any = module.apply(params, x)
        return logits

    return logits_of, params


def fit_classifier(images: np.ndarray, labels: np.ndarray, **options: Any) -> Callable[[jax.Array], jax.Array]:
    """Trains a small classifier, by Adam with a cosine schedule.

    Args:
      images: uint8 [N, H, W, C].
      labels: int [N].
      **options: num_classes; steps (500), batch_size (64) and learning_rate (2e-3) of the training; seed (0) of its
        weights and batches.

    Returns:
      A function of float images [B, H, W, C] in [-1, 1] that gives logits [B, num_classes], which can be traced.
    """
    return _fit(images, labels, **options)[0]


def train_classifier(images: np.ndarray, labels: np.ndarray, *, num_classes: int, **options: Any) -> Predict:
    """:func:`fit_classifier`, as a function of uint8 images [N, H, W, C] that gives labels int [N]."""
    _, params = _fit(images, labels, num_classes=num_classes, **options)

    def predict(images: np.ndarray) -> np.ndarray:
        out = []
        for start in range(0, len(images), 500):
            rows = images[start : start + 500]
            # One program for all batches, the last one padded.
            padded = np.resize(rows, (500, *rows.shape[1:]))
            out.append(np.asarray(_classify(params, padded, num_classes))[: len(rows)])
        return np.concatenate(out)

    return predict


def accuracy(predict: Predict, images: np.ndarray, labels: np.ndarray) -> float:
    """The share of images that ``predict`` labels rightly."""
    return float((predict(images) == labels).mean())
