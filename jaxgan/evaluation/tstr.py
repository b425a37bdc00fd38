"""Train on synthetic, test on real (Esteban et al. 2017, arXiv:1706.02633; as CAS in Ravuri & Vinyals 2019,
arXiv:1905.10887).
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxgan.networks.classifier import Classifier
from jaxgan.nn import from_uint8

Predict = Callable[[np.ndarray], np.ndarray]


def fit_classifier(
    images: np.ndarray,
    labels: np.ndarray,
    *,
    num_classes: int,
    steps: int = 500,
    batch_size: int = 64,
    learning_rate: float = 2e-3,
    seed: int = 0,
) -> Callable[[jax.Array], jax.Array]:
    """Trains a small classifier, by Adam with a cosine schedule.

    Args:
      images: uint8 [N, H, W, C].
      labels: int [N].
      num_classes: classes.
      steps, batch_size, learning_rate: of the training.
      seed: of its weights and batches.

    Returns:
      A function of float images [B, H, W, C] in [-1, 1] that gives logits [B, num_classes], which can be traced.
    """
    module = Classifier(num_classes)
    optimizer = optax.adam(optax.cosine_decay_schedule(learning_rate, steps))
    params = module.init(jax.random.key(seed), from_uint8(jnp.asarray(images[:1])))
    opt = optimizer.init(params)

    @jax.jit
    def step(params: dict, opt: optax.OptState, x: jax.Array, y: jax.Array) -> tuple[dict, optax.OptState]:
        def loss(params: dict) -> jax.Array:
            logits = module.apply(params, from_uint8(x))
            return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()

        updates, opt = optimizer.update(jax.grad(loss)(params), opt, params)
        return optax.apply_updates(params, updates), opt

    draw = np.random.default_rng(seed)
    for _ in range(steps):
        rows = draw.integers(0, len(labels), batch_size)
        params, opt = step(params, opt, images[rows], labels[rows])

    def logits_of(x: jax.Array) -> jax.Array:
        logits: Any = module.apply(params, x)
        return logits

    return logits_of


def train_classifier(images: np.ndarray, labels: np.ndarray, **options: Any) -> Predict:
    """:func:`fit_classifier`, as a function of uint8 images [N, H, W, C] that gives labels int [N]."""
    logits_of = fit_classifier(images, labels, **options)
    classify = jax.jit(lambda x: logits_of(from_uint8(x)).argmax(-1))

    def predict(images: np.ndarray) -> np.ndarray:
        out = []
        for start in range(0, len(images), 500):
            rows = images[start : start + 500]
            # One program for all batches, the last one padded.
            padded = np.resize(rows, (500, *rows.shape[1:]))
            out.append(np.asarray(classify(padded))[: len(rows)])
        return np.concatenate(out)

    return predict


def accuracy(predict: Predict, images: np.ndarray, labels: np.ndarray) -> float:
    """The share of images that ``predict`` labels rightly."""
    return float((predict(images) == labels).mean())
