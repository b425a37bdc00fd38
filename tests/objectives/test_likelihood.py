"""Likelihoods of pixels against their definitions, in float64."""

import jax
import numpy as np
import pytest

from jaxgan.objectives import bernoulli_nats, discretised_logistic_nats, gaussian_nats

RNG = np.random.default_rng(0)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_bernoulli():
    logits, bits = RNG.normal(0, 4, (3, 5, 2)), RNG.integers(0, 2, (3, 5, 2))
    p = sigmoid(logits)
    wanted = -np.log(np.where(bits == 1, p, 1 - p)).sum((1, 2))
    np.testing.assert_allclose(bernoulli_nats(logits.astype(np.float32), bits.astype(np.float32)), wanted, rtol=1e-5)


def test_gaussian():
    mean, log_scale, x = RNG.normal(size=(3, 2, 4, 3))
    scale = np.exp(log_scale)
    wanted = -np.log(np.exp(-0.5 * ((x - mean) / scale) ** 2) / (scale * np.sqrt(2 * np.pi))).sum((1, 2))
    found = gaussian_nats(*(a.astype(np.float32) for a in (mean, log_scale, x)))
    np.testing.assert_allclose(found, wanted, rtol=1e-4)


@pytest.mark.parametrize(("mean", "log_scale"), [(0.0, 0.0), (0.3, -3.0), (-1.4, -1.0), (0.9, -7.0), (5.0, 1.0)])
def test_probabilities_of_all_levels_sum_to_1(mean, log_scale):
    levels = np.arange(256).reshape(256, 1)
    parameters = (np.full((256, 1), value, np.float32) for value in (mean, log_scale))
    found = np.exp(-np.asarray(discretised_logistic_nats(*parameters, levels), np.float64))
    assert found.sum() == pytest.approx(1, abs=1e-4)
    # Against the difference of distribution functions, where float64 has digits of it.
    edges = np.concatenate([[-np.inf], (np.arange(1, 256) - 0.5) / 127.5 - 1, [np.inf]])
    with np.errstate(over="ignore"):
        below = sigmoid((edges - mean) / np.exp(log_scale))
    wanted = np.diff(below)
    np.testing.assert_allclose(found[wanted > 1e-9], wanted[wanted > 1e-9], rtol=2e-3)


def test_far_levels_keep_finite_nats_and_gradients():
    mean, scale, levels = np.full((1, 1), 1.0, np.float32), np.full((1, 1), -7.0, np.float32), np.array([[3]])

    def nats(mean, scale):
        return discretised_logistic_nats(mean, scale, levels)[0]

    value, grads = jax.value_and_grad(nats, argnums=(0, 1))(mean, scale)
    assert np.isfinite(value) and value > 1000
    assert all(np.isfinite(g).all() and np.abs(g).max() > 0 for g in grads)


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="bernoulli_nats needs arrays of one shape"):
        bernoulli_nats(np.zeros((2, 3)), np.zeros((2, 4)))
