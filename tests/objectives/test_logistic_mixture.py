"""Mixtures of discretised logistics against float64."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.objectives.logistic_mixture import draw_from_mixture, logistic_mixture_nats, mixture_of, mixture_size

RNG = np.random.default_rng(0)


def sigmoid(x):
    return 1 / (1 + np.exp(-np.asarray(x, np.float64)))


def probability(outputs, levels, count, components=3):
    """Of one pixel of three channels, written out, by differences of the distribution function."""
    parts = np.asarray(outputs, np.float64).reshape(components, 10)
    weights = np.exp(parts[:, 0]) / np.exp(parts[:, 0]).sum()
    values, total = np.asarray(levels) * 2 / (count - 1) - 1, 0.0
    for weight, (_, r, g, b, *rest) in zip(weights, parts):
        scales, (gr, br, bg) = np.exp(np.maximum(rest[:3], -7)), np.tanh(rest[3:])
        means = r, g + gr * values[0], b + br * values[0] + bg * values[1]
        for level, value, mean, scale in zip(levels, values, means, scales):
            upper = 1.0 if level == count - 1 else sigmoid((value + 1 / (count - 1) - mean) / scale)
            lower = 0.0 if level == 0 else sigmoid((value - 1 / (count - 1) - mean) / scale)
            weight = weight * (upper - lower)
        total += weight
    return total


@pytest.mark.parametrize("count", [4, 256])
def test_nats_are_those_of_the_distribution_function(count):
    outputs = RNG.normal(0, 1, (5, 1, 2, 30)).astype(np.float32)
    levels = RNG.integers(0, count, (5, 1, 2, 3))
    levels[0, 0] = [[0, count - 1, 1], [count - 1, 0, 0]]
    expected = [-sum(np.log(probability(outputs[i, 0, j], levels[i, 0, j], count)) for j in range(2)) for i in range(5)]
    np.testing.assert_allclose(logistic_mixture_nats(outputs, levels, count=count), expected, rtol=2e-5)


def test_draws_have_the_probabilities_that_are_scored():
    outputs, n = jnp.asarray(RNG.normal(0, 1, 30), jnp.float32), 20_000
    keys, nothing = jax.random.split(jax.random.key(0), n), jnp.full((n, 3), -1)
    draw = jax.jit(functools.partial(draw_from_mixture, count=3))
    drawn = draw(keys, jnp.broadcast_to(outputs, (n, 30)), nothing, jnp.float32(1))
    every = np.stack(np.meshgrid(*[range(3)] * 3, indexing="ij"), -1).reshape(-1, 3)
    nats = logistic_mixture_nats(jnp.broadcast_to(outputs, (27, 1, 1, 30)), every[:, None, None], count=3)
    expected = np.exp(-np.asarray(nats, np.float64))
    assert expected.sum() == pytest.approx(1, abs=1e-5)
    counts = np.bincount(np.asarray(drawn) @ [9, 3, 1], minlength=27) / n
    np.testing.assert_allclose(counts, expected, atol=4 * np.sqrt(0.25 / n))


def test_narrow_scales_lose_no_digits():
    outputs = np.zeros((1, 1, 1, 3), np.float32)
    outputs[..., 2] = -20
    nats, slope = jax.value_and_grad(lambda x: logistic_mixture_nats(x, np.full((1, 1, 1, 1), 200)).sum())(outputs)
    assert np.isfinite(nats) and np.isfinite(slope).all() and nats > 100


def test_numbers_that_do_not_fit_are_refused():
    assert mixture_size(10, 3) == 100 and mixture_size(5, 1) == 15
    with pytest.raises(ValueError, match=r"a multiple of 10 numbers for 3 channels, got \(2, 25\)"):
        mixture_of(np.zeros((2, 25)), 3)
