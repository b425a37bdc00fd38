"""Expectation maximisation: against scikit-learn, monotone, and modes that are found."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
import sklearn.mixture

from jaxgan.data import toy_mixture
from jaxgan.metrics import mode_scores
from jaxgan.networks import gaussian_mixture as gm

POINTS = np.random.default_rng(0).standard_t(4, size=(400, 3)).astype(np.float32) * np.float32([1, 2, 0.5])


def starting_point(components=4, dims=3):
    draw = np.random.default_rng(1)
    roots = draw.normal(size=(components, dims, dims)) + 2 * np.eye(dims)
    weights = draw.uniform(1, 2, components)
    return gm.GaussianMixture(
        *map(jnp.float32, (weights / weights.sum(), draw.normal(size=(components, dims)), roots @ roots.mT))
    )


def test_log_density_is_scipys():
    params = starting_point()
    parts = [
        np.log(w) + scipy.stats.multivariate_normal(m, c).logpdf(POINTS)
        for w, m, c in zip(*(np.asarray(x, np.float64) for x in params))
    ]
    np.testing.assert_allclose(gm.log_density(params, POINTS), np.logaddexp.reduce(parts), rtol=1e-4)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_step_is_scikit_learns():
    params = starting_point()
    weights, means, covariances = (np.asarray(x, np.float64) for x in params)
    peer = sklearn.mixture.GaussianMixture(
        4,
        max_iter=1,
        reg_covar=0,
        weights_init=weights / weights.sum(),
        means_init=means,
        precisions_init=np.linalg.inv(covariances),
    ).fit(POINTS.astype(np.float64))
    after, likelihood = gm.em_step(params, POINTS)
    assert likelihood == pytest.approx(peer.lower_bound_, rel=1e-5)
    np.testing.assert_allclose(after.weights, peer.weights_, rtol=1e-4)
    np.testing.assert_allclose(after.means, peer.means_, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(after.covariances, peer.covariances_, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("floor", [1e-6, 0.3])
def test_the_likelihood_never_falls(floor):
    # With the larger floor most covariances are held by it.
    params, likelihoods = gm._jitted_init(jax.random.key(0), POINTS, 6, floor=floor), []
    for _ in range(30):
        params, likelihood = gm._jitted_step(params, POINTS, floor=floor)
        likelihoods.append(float(likelihood))
        assert np.linalg.eigvalsh(params.covariances).min() > floor * (1 - 1e-3) - 1e-6
    assert np.diff(likelihoods).min() > -1e-6
    assert likelihoods[-1] > likelihoods[0] + 0.01
    np.testing.assert_allclose(params.weights.sum(), 1, rtol=1e-5)


@pytest.mark.parametrize("name", ["ring8", "grid25"])
def test_every_mode_is_found_and_the_density_is_the_true_one(name):
    mixture = toy_mixture(name)
    points, _ = mixture.sample(np.random.default_rng(0), 4000)
    params, likelihoods = gm.fit(points, len(mixture.means), rng=jax.random.key(0), restarts=3)
    # Every component has a mode of its own, of its spread.
    assert mode_scores(np.asarray(params.means), mixture.means, mixture.std, radius=1) == (len(mixture.means), 1.0)
    values = np.linalg.eigvalsh(params.covariances)
    np.testing.assert_allclose(values**0.5, mixture.std, rtol=0.25)
    # Parameters fitted to a set score it above the truth, by about half their number over the number of points.
    above = likelihoods[-1] - mixture.log_density(points).mean()
    assert 0 < above < 6 * len(mixture.means) / 4000
    drawn, chosen = gm.sample(jax.random.key(1), params, 5000)
    modes, high_quality = mode_scores(np.asarray(drawn), mixture.means, mixture.std)
    assert modes == len(mixture.means) and high_quality == pytest.approx(1 - np.exp(-4.5), abs=0.01)
    np.testing.assert_allclose(np.bincount(chosen) / 5000, params.weights, atol=0.03)


def test_fit_reports_the_likelihood_of_what_it_returns():
    for max_steps in (1, 3, 200):
        params, likelihoods = gm.fit(POINTS, 6, rng=jax.random.key(0), max_steps=max_steps)
        assert likelihoods[-1] == pytest.approx(float(gm.log_density(params, POINTS).mean()), abs=1e-5)
        assert len(likelihoods) <= max_steps + 1


def test_a_component_without_points_keeps_its_place():
    params = gm.GaussianMixture(
        jnp.array([0.5, 0.5]), jnp.array([[0.0, 0.0], [1e6, 1e6]]), jnp.broadcast_to(jnp.eye(2), (2, 2, 2))
    )
    after, _ = gm.em_step(params, POINTS[:, :2])
    np.testing.assert_array_equal(after.weights, [1, 0])
    np.testing.assert_array_equal(after.means[1], params.means[1])
    again, likelihood = gm.em_step(after, POINTS[:, :2])
    assert np.isfinite(likelihood) and all(jnp.isfinite(x).all() for x in again)


def test_fewer_distinct_points_than_components():
    params, likelihoods = gm.fit(np.ones((5, 2), np.float32), 3, rng=jax.random.key(0), max_steps=3)
    assert np.isfinite(likelihoods).all() and np.isfinite(params.means).all()


def test_errors():
    with pytest.raises(ValueError, match="from 1 to N components"):
        gm.init(jax.random.key(0), POINTS, 401)
    with pytest.raises(ValueError, match="one step and one start"):
        gm.fit(POINTS, 2, rng=jax.random.key(0), restarts=0)
