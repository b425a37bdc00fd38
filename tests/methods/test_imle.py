"""IMLE: assignments are the nearest, of all blocks, within the class; it trains towards them."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan.methods.imle import IMLE, padded_rows, squared_distances
from jaxgan.methods.latents import Latents
from jaxgan.networks import mlp

EXAMPLES = 12
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (EXAMPLES, 2, 2, 1), np.uint8)
LABELS = np.arange(EXAMPLES, dtype=np.int32) % 3


def make(classes=0, **changes):
    condition = dict(num_classes=classes, conditioning="concat") if classes else {}
    settings = dict(
        generator=mlp.Generator(z_dim=3, image_shape=(2, 2, 1), hidden=(16,), **condition),
        optimizers={"g": optax.adam(1e-2)},
        latents=Latents(z_dim=3, num_classes=classes),
        examples=EXAMPLES,
        samples=40,
        block=16,
        every=5,
        noise=0.0,
    )
    return IMLE(**settings | changes)


def start(method):
    rows = padded_rows(EXAMPLES)
    image, label = np.zeros((rows, 2, 2, 1), np.uint8), np.full(rows, -1, np.int32)
    image[:EXAMPLES], label[:EXAMPLES] = IMAGES, LABELS
    batch = {"image": IMAGES, "label": LABELS, "index": np.arange(EXAMPLES, dtype=np.int32)}
    state = jax.jit(method.init)(jax.random.key(0), batch)
    return state.replace(frozen={"data": {"by_row": {"image": image, "label": label}}}), batch


def assigned(method, state, key=1):
    refresh = jax.jit(method.refresh)
    for _ in range(method.refresh_due.blocks):
        state = refresh(state, jax.random.key(key))
    return state


def test_distances_are_means_of_squares():
    a, b = RNG.normal(size=(5, 2, 3, 1)), RNG.normal(size=(4, 2, 3, 1))
    expected = np.square(a[:, None] - b[None]).mean((2, 3, 4))
    np.testing.assert_allclose(squared_distances(jnp.asarray(a), jnp.asarray(b)), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("classes", [0, 3])
def test_each_example_is_assigned_the_nearest_sample_of_all_blocks(classes):
    method = make(classes)
    state, _ = start(method)
    assert method.refresh_due.blocks == 3
    found = assigned(method, state).extra
    images = IMAGES.astype(np.float32) / 127.5 - 1
    best = np.full(EXAMPLES, np.inf)
    chosen = np.zeros((EXAMPLES, 3))
    for number in range(3):
        key, _ = jax.random.split(jax.random.fold_in(jax.random.key(1), number))
        z, labels = method.latents.draw(key, {"key": jnp.zeros((16,))})
        made = method.generator.apply(state.nets["g"], z, labels, train=True)
        far = np.square(images[:, None] - np.asarray(made)[None]).mean((2, 3, 4))
        if classes:
            far = np.where(LABELS[:, None] == np.asarray(labels)[None], far, np.inf)
        nearest = far.argmin(1)
        closer = far.min(1) < best
        best, chosen = np.minimum(best, far.min(1)), np.where(closer[:, None], np.asarray(z)[nearest], chosen)
    np.testing.assert_allclose(found["by_row"]["distance"][:EXAMPLES], best, rtol=1e-4)
    np.testing.assert_allclose(found["by_row"]["z"][:EXAMPLES], chosen, rtol=1e-5)
    assert found["block"] == 0
    # Another assignment forgets this one.
    again = assigned(method, state.replace(extra=found), key=2).extra["by_row"]
    assert (np.asarray(again["distance"][:EXAMPLES]) > best).any()


def test_samples_come_nearer_to_every_example():
    method = make(samples=64)
    state, batch = start(method)
    step = jax.jit(method.step)
    distances = []
    for number in range(300):
        if number % 50 == 0:
            state = assigned(method, state, key=number)
            distances.append(float(state.extra["by_row"]["distance"][:EXAMPLES].max()))
        state, metrics = step(state, batch, jax.random.key(number))
    assert distances[-1] < 0.5 * distances[0]
    assert metrics["g/loss"] < 0.1


def test_samples_of_classes_take_them():
    method = make(3)
    state, _ = start(method)
    batch = {
        "z": jnp.zeros((3, 3)),
        "label": np.arange(3, dtype=np.int32),
        "key": jax.random.split(jax.random.key(0), 3),
    }
    drawn = np.asarray(method.sample(state.nets, batch, jax.random.key(0))["image"])
    assert drawn.shape == (3, 2, 2, 1) and np.abs(drawn[0] - drawn[1]).max() > 1e-4
