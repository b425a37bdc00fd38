"""dVAE: published sizes, relaxed codes, the density of pixels, schedules, and codes that come back."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan.methods.cosine_ramp import cosine_ramp
from jaxgan.methods.dvae import DVAE, from_open_range, to_open_range
from jaxgan.networks.dvae import Autoencoder
from jaxgan.nn.gumbel_softmax import gumbel_softmax, uniform_kl
from jaxgan.objectives.likelihood import logit_laplace_nats

RNG = np.random.default_rng(0)


def make():
    return DVAE(
        autoencoder=Autoencoder(image_channels=1, ch=8, blocks=1, codes=8, first=4, kernel=3),
        optimizers={"p": optax.adam(1e-2)},
        temperature=cosine_ramp(1.0, 0.1, 100),
        beta=cosine_ramp(0.0, 0.1, 10),
    )


def test_parameters_are_as_published():
    """openai/DALL-E's modules."""
    images = jax.ShapeDtypeStruct((1, 64, 64, 3), jnp.float32)
    found = jax.eval_shape(lambda x: Autoencoder().init(jax.random.key(0), x, train=True), images)["params"]
    sizes = {name: sum(leaf.size for leaf in jax.tree.leaves(part)) for name, part in found.items()}
    assert sizes == {"encoder": 53_786_240, "decoder": 43_829_766}


def test_relaxed_samples_become_the_categorical():
    logits = jnp.log(jnp.array([0.6, 0.3, 0.1]))
    many = jnp.broadcast_to(logits, (20_000, 3))
    cold = gumbel_softmax(jax.random.key(0), many, jnp.float32(1e-3))
    np.testing.assert_allclose(cold.mean(0), [0.6, 0.3, 0.1], atol=0.015)
    warm = gumbel_softmax(jax.random.key(0), many, jnp.float32(1.0))
    np.testing.assert_allclose(warm.sum(1), 1, rtol=1e-5)
    assert warm.max() < 1 and (warm.argmax(1) == cold.argmax(1)).all()
    hard = gumbel_softmax(jax.random.key(0), many, jnp.float32(1.0), hard=True)
    np.testing.assert_allclose(hard, jax.nn.one_hot(warm.argmax(1), 3), atol=1e-6)

    def first(logits, hard):
        return gumbel_softmax(jax.random.key(1), logits, jnp.float32(1.0), hard=hard)[0]

    np.testing.assert_allclose(jax.grad(first)(logits, True), jax.grad(first)(logits, False), rtol=1e-5)


def test_nats_from_uniform():
    logits = RNG.normal(size=(4, 5))
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    np.testing.assert_allclose(uniform_kl(jnp.asarray(logits)), (p * np.log(p * 5)).sum(1), rtol=1e-4)
    np.testing.assert_allclose(uniform_kl(jnp.zeros((2, 5))), 0, atol=1e-6)


@pytest.mark.parametrize(("mean", "log_scale"), [(0.0, 0.0), (1.5, -0.5), (-0.7, 0.4)])
def test_the_density_of_pixels_integrates_to_1(mean, log_scale):
    edges = np.linspace(0, 1, 200_001)
    values = ((edges[1:] + edges[:-1]) / 2).reshape(-1, 1)
    nats = logit_laplace_nats(*(jnp.full(values.shape, x) for x in (mean, log_scale)), jnp.asarray(values, jnp.float32))
    assert np.exp(-np.asarray(nats, np.float64)).mean() == pytest.approx(1, abs=2e-3)


def test_schedules_begin_and_end_where_they_say():
    ramp = cosine_ramp(1.0, 0.0625, 150_000)
    found = [float(ramp(jnp.int32(step))) for step in (0, 75_000, 150_000, 900_000)]
    np.testing.assert_allclose(found, [1, (1 + 0.0625) / 2, 0.0625, 0.0625], rtol=1e-5)


def test_pixels_stay_inside_and_come_back():
    images = jnp.linspace(-1, 1, 256)
    inside = to_open_range(images)
    assert inside.min() == pytest.approx(0.1) and inside.max() == pytest.approx(0.9)
    np.testing.assert_allclose(from_open_range(inside), images, atol=1e-6)


@pytest.mark.slow
def test_it_learns_what_it_is_shown():
    method = make()
    # Every way to light four quarters, each of which has a code of its own.
    quarters = np.array(list(itertools.product([0, 255], repeat=4)), np.uint8).reshape(16, 2, 2, 1)
    images = quarters.repeat(8, 1).repeat(8, 2)
    state = jax.jit(method.init)(jax.random.key(0), {"image": images})
    step = jax.jit(method.step)
    found = []
    for number in range(200):
        state, metrics = step(state, {"image": images}, jax.random.key(number))
        state = state.replace(step=state.step + 1)
        found.append(metrics)
    assert found[-1]["p/nats_per_dim"] < found[0]["p/nats_per_dim"] - 1
    assert found[0]["p/temperature"] == 1 and found[-1]["p/temperature"] == pytest.approx(0.1)
    codes = method.codes(state.nets, images)
    assert codes[0].shape == (16, 2, 2) and method.reductions == (8,)
    back = method.sample(state.nets, {"image": images}, jax.random.key(0))["image"]
    assert np.square(back - (images / 127.5 - 1)).mean() < 0.05
