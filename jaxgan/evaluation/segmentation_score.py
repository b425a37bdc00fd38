"""Segmentation score: can a network that learnt to segment real photos read generated ones? The offline twin of
pix2pix's FCN-score (arXiv:1611.07004, section 4.1), whose FCN-8s was trained on Cityscapes at another size.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxgan.networks.segmenter import Segmenter
from jaxgan.nn import from_uint8

Read = Callable[[np.ndarray], np.ndarray]


@functools.partial(jax.jit, static_argnums=(4, 5, 6, 7))
def _step(
    params: Any, opt: Any, images: jax.Array, maps: jax.Array, network: Segmenter, rate: float, steps: int, ignore: int
) -> tuple[Any, Any]:
    def loss(params: Any) -> jax.Array:
        logits: Any = network.apply(params, from_uint8(images))
        # Ids that are no class have a weight of 0, and must not be looked up.
        counted = (maps != ignore) & (maps >= 0) & (maps < network.classes)
        each = optax.softmax_cross_entropy_with_integer_labels(logits, jnp.where(counted, maps, 0))
        return (each * counted).sum() / jnp.maximum(counted.sum(), 1)

    updates, opt = _optimizer(rate, steps).update(jax.grad(loss)(params), opt, params)
    return optax.apply_updates(params, updates), opt


def _optimizer(rate: float, steps: int) -> optax.GradientTransformation:
    return optax.adam(optax.cosine_decay_schedule(rate, steps))


@functools.partial(jax.jit, static_argnums=2)
def _read(params: Any, images: jax.Array, network: Segmenter) -> jax.Array:
    logits: Any = network.apply(params, from_uint8(images))
    return logits.argmax(-1)


def train_segmenter(
    images: np.ndarray,
    maps: np.ndarray,
    *,
    classes: int,
    steps: int,
    batch_size: int = 8,
    ch: int = 16,
    learning_rate: float = 2e-3,
    ignore: int | None = None,
    seed: int = 0,
) -> Read:
    """Trains a :class:`jaxgan.networks.segmenter.Segmenter` by Adam with a cosine schedule, half of the images
    mirrored.

    Args:
      images: uint8 [N, H, W, C].
      maps: int [N, H, W].
      classes: ids in [0, classes); others count for nothing.
      steps, batch_size, learning_rate: of the training.
      ch: width of the network.
      ignore: a class that counts for nothing.
      seed: of its weights, batches and mirrors.

    Returns:
      A function of images uint8 [M, H, W, C] that gives maps int [M, H, W].
    """
    network, none = Segmenter(classes, ch=ch), -1 if ignore is None else ignore
    params = network.init(jax.random.key(seed), from_uint8(jnp.asarray(images[:1])))
    opt, draw = _optimizer(learning_rate, steps).init(params), np.random.default_rng(seed)
    for _ in range(steps):
        rows, mirrored = draw.integers(0, len(maps), batch_size), draw.random(batch_size) < 0.5
        x, y = images[rows], maps[rows].astype(np.int32)
        x = np.where(mirrored[:, None, None, None], x[:, :, ::-1], x)
        y = np.where(mirrored[:, None, None], y[:, :, ::-1], y)
        params, opt = _step(params, opt, x, y, network, learning_rate, steps, none)

    def read(images: np.ndarray) -> np.ndarray:
        found = []
        for start in range(0, len(images), batch_size):
            rows = images[start : start + batch_size]
            # One program for all batches, the last one padded.
            padded = np.resize(rows, (batch_size, *rows.shape[1:]))
            found.append(np.asarray(_read(params, padded, network))[: len(rows)])
        return np.concatenate(found)

    return read
