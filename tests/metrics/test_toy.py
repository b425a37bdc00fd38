import numpy as np
import pytest
import scipy.stats

from jaxgan import metrics
from jaxgan.data import toy_mixture
from jaxgan.metrics.toy import cell_masses

MEANS = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
STD = 0.1


def test_modes_and_quality_of_placed_points():
    points = np.array([[0, 0], [0.29, 0], [0.31, 0], [1, 1.29], [0.5, 0.5], [9, 9], [0.7, 0.1]])
    assert metrics.mode_scores(points, MEANS, STD) == (2, pytest.approx(3 / 7))
    # Within four standard deviations (0.7, 0.1) is of the second mode.
    assert metrics.mode_scores(points, MEANS, STD, radius=4) == (3, pytest.approx(5 / 7))
    assert metrics.mode_scores(np.full((3, 2), np.nan), MEANS, STD) == (0, 0)


def test_balance_of_placed_points():
    assert metrics.mode_kl(MEANS, MEANS) == pytest.approx(0, abs=1e-12)
    assert metrics.mode_kl(MEANS[[1, 1]] + 0.2, MEANS) == pytest.approx(np.log(4))
    shares = np.array([5, 3, 2, 0]) / 10
    expected = scipy.stats.entropy(shares, np.full(4, 0.25))
    assert metrics.mode_kl(MEANS.repeat([5, 3, 2, 0], axis=0), MEANS) == pytest.approx(expected)


def test_cell_masses_sum_to_one_and_are_the_integral_of_the_density():
    wide = np.linspace(-2, 3, 11)
    masses = cell_masses(MEANS, STD, (wide, wide))
    assert masses.sum() == pytest.approx(1)
    (x, y), step = (0.9, -0.1), 0.02
    edges = (np.array([x, x + step]), np.array([y, y + 2 * step]))
    density = np.mean([scipy.stats.multivariate_normal(m, STD**2).pdf([x + step / 2, y + step]) for m in MEANS])
    assert cell_masses(MEANS, STD, edges)[0, 0] == pytest.approx(density * 2 * step**2, rel=0.01)


def test_divergence_of_placed_points():
    # One cell holds all of the mixture but what lies six standard deviations out.
    assert metrics.js_divergence(MEANS, MEANS, STD, bins=1) == pytest.approx(0, abs=1e-7)
    far = np.array([[9.0, 9.0], [np.nan, 0.0], [0.0, np.inf]])
    assert metrics.js_divergence(far, MEANS, STD, bins=1) == pytest.approx(np.log(2), abs=1e-7)
    # One of four cells of equal mass: half of KL(1 || 1/2 + 1/8) + KL(1/4 ... || ...).
    p, q = np.full(4, 0.25), np.array([1.0, 0, 0, 0])
    expected = (scipy.stats.entropy(p, (p + q) / 2) + scipy.stats.entropy(q, (p + q) / 2)) / 2
    assert metrics.js_divergence(MEANS[:1], MEANS, STD, bins=2) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("name", ["ring8", "grid25"])
def test_the_mixtures_own_points(name):
    mixture = toy_mixture(name)
    points, _ = mixture.sample(np.random.default_rng(0), 50_000)
    modes, high_quality = metrics.mode_scores(points, mixture.means, mixture.std)
    assert modes == len(mixture.means)
    assert high_quality == pytest.approx(1 - np.exp(-4.5), abs=5 * np.sqrt(0.011 / 50_000))
    assert metrics.mode_kl(points, mixture.means) < 1e-3
    own = metrics.js_divergence(points, mixture.means, mixture.std)
    wider = metrics.js_divergence(points * 1.05, mixture.means, mixture.std)
    assert own < 2e-3 < 0.1 < wider


def test_errors():
    for wrong in (np.zeros(2), np.zeros((0, 2)), np.zeros((3, 3))):
        for score in (lambda p: metrics.mode_scores(p, MEANS, STD), lambda p: metrics.js_divergence(p, MEANS, STD)):
            with pytest.raises(ValueError, match=r"points \[N, 2\]"):
                score(wrong)
    with pytest.raises(ValueError, match="must be finite"):
        metrics.mode_kl(np.full((1, 2), np.nan), MEANS)
    with pytest.raises(ValueError, match="bins must be"):
        metrics.js_divergence(MEANS, MEANS, STD, bins=0)
