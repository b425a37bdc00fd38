"""Contrastive learning: its loss by hand, captions that are read, and pairs that are found."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan.methods.contrastive import Contrastive
from jaxgan.networks.dual_encoder import DualEncoder, ImageEncoder, TextEncoder

IMAGES = np.zeros((6, 8, 8, 1), np.uint8)
for number, image in enumerate(IMAGES):
    image[number] = 255
TOKENS = np.stack([np.arange(6), np.full(6, 7), np.full(6, 8)], axis=1).astype(np.int32)


def make():
    return Contrastive(
        network=DualEncoder(
            ImageEncoder(ch=8, halvings=2, dim=8),
            TextEncoder(vocabulary=9, length=3, layers=1, heads=2, width=8, dim=8),
        ),
        optimizers={"p": optax.adam(1e-2)},
    )


@pytest.fixture(scope="module")
def trained():
    method = make()
    state = jax.jit(method.init)(jax.random.key(0), {"image": IMAGES, "prefix": TOKENS})
    step = jax.jit(method.step)
    found = []
    for number in range(150):
        state, metrics = step(state, {"image": IMAGES, "prefix": TOKENS}, jax.random.key(number))
        found.append(metrics)
    return method, state, found


@pytest.mark.slow
def test_pairs_are_found(trained):
    method, state, found = trained
    # Of six pairs by chance.
    assert found[0]["p/loss"] > 1.2 and found[-1]["p/loss"] < 0.1 and found[-1]["p/accuracy"] == 1
    images = jnp.asarray(IMAGES, jnp.float32) / 127.5 - 1
    own = method.similarity(state.nets, images, TOKENS)
    others = method.similarity(state.nets, images, np.roll(TOKENS, 1, axis=0))
    assert (own > others + 0.1).all() and (np.abs(own) <= 1 + 1e-5).all()


@pytest.mark.slow
def test_the_loss_is_of_both_directions(trained):
    method, state, _ = trained
    images = jnp.asarray(IMAGES, jnp.float32) / 127.5 - 1
    one, other, scale = method.network.apply(state.nets["dual"], images, TOKENS, train=True)
    logits = np.asarray(scale * one @ other.T, np.float64)
    by_hand = [-np.diag(x - np.log(np.exp(x).sum(1, keepdims=True))).mean() for x in (logits, logits.T)]
    _, metrics = jax.jit(method.step)(state, {"image": IMAGES, "prefix": TOKENS}, jax.random.key(0))
    assert metrics["p/loss"] == pytest.approx(np.mean(by_hand), rel=1e-3, abs=1e-5)
