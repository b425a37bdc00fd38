"""Distances and KL against their definitions."""

import numpy as np
import pytest

from jaxgan.objectives import gaussian_kl, layer_distances, reconstruction

RNG = np.random.default_rng(0)


def test_distances_are_means_over_all_numbers():
    x, y = RNG.normal(size=(2, 2, 3, 4)).astype(np.float32)
    assert reconstruction(x, y) == pytest.approx(np.abs(x - y).mean(), rel=1e-5)
    assert reconstruction(x, y, distance="squared") == pytest.approx(np.square(x - y).mean(), rel=1e-5)
    with pytest.raises(ValueError, match="must have one shape"):
        reconstruction(x, y[:1])
    with pytest.raises(ValueError, match="unknown distance 'l1'; choose from absolute, squared"):
        reconstruction(x, y, distance="l1")


def test_layers_are_summed_by_their_weights():
    real = [RNG.normal(size=(2, 4 - k, 3)).astype(np.float32) for k in range(3)]
    fake = [RNG.normal(size=x.shape).astype(np.float32) for x in real]
    each = [np.abs(r - f).mean() for r, f in zip(real, fake)]
    assert layer_distances(real, fake) == pytest.approx(sum(each), rel=1e-5)
    assert layer_distances(real, fake, weights=(1, 0.5, 0)) == pytest.approx(each[0] + 0.5 * each[1], rel=1e-5)
    with pytest.raises(ValueError, match="as many layers of real as of fake, and weights: got 3, 2 and none"):
        layer_distances(real, fake[:2])


def test_kl_against_an_integral():
    mean, log_variance = np.array([[0.7, -1.2]]), np.array([[0.3, -0.8]])
    x = np.linspace(-12, 12, 200_001)
    total = 0.0
    for m, s in zip(mean[0], log_variance[0]):
        log_q = -0.5 * (np.square(x - m) / np.exp(s) + s + np.log(2 * np.pi))
        log_p = -0.5 * (np.square(x) + np.log(2 * np.pi))
        total += np.trapezoid(np.exp(log_q) * (log_q - log_p), x)
    np.testing.assert_allclose(gaussian_kl(mean, log_variance), [total], rtol=1e-5)
