import numpy as np
import pytest
import scipy.linalg

from jaxgan.metrics.feature_moments import FeatureMoments, mean_covariance
from jaxgan.metrics.frechet import FewSamplesWarning, frechet_distance, frechet_of_moments, frechet_of_rows


def gaussian(n, d, seed, scale=1.0):
    return scale * np.random.default_rng(seed).normal(size=(n, d)) * np.linspace(0.01, 1, d)


def statistics(x):
    return x.mean(0), np.cov(x, rowvar=False)


def moments_of(x):
    return FeatureMoments(np.float64(len(x)), x.sum(0), x.T @ x)


def test_closed_forms():
    mu1, mu2 = np.array([1.0, 2.0]), np.array([4.0, -2.0])
    # Diagonal: |mu|^2 + sum (s1 - s2)^2 over the standard deviations.
    assert frechet_distance(mu1, np.diag([4.0, 9.0]), mu2, np.diag([1.0, 25.0])) == pytest.approx(25 + 1 + 4, rel=1e-12)
    # One-dimensional Gaussians along orthogonal lines share nothing: the trace of the root is 0.
    line1, line2 = np.outer([1, 1], [1, 1]) / 1.0, np.outer([1, -1], [1, -1]) / 1.0
    assert frechet_distance(mu1, line1, mu1, line2) == pytest.approx(4.0, rel=1e-12)
    # Points: the distance of the means.
    assert frechet_distance(mu1, np.zeros((2, 2)), mu2, np.zeros((2, 2))) == pytest.approx(25.0, rel=1e-12)


def test_equals_the_definition_where_covariances_are_regular():
    (mu1, s1), (mu2, s2) = statistics(gaussian(200, 20, 0)), statistics(gaussian(300, 20, 1, 1.5))
    root = scipy.linalg.sqrtm(s1 @ s2).real
    expected = np.sum((mu1 - mu2) ** 2) + np.trace(s1 + s2 - 2 * root)
    assert frechet_distance(mu1, s1, mu2, s2) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("n", [2, 30, 90, 500])
def test_a_set_has_distance_zero_to_itself_whatever_its_rank(n):
    mu, sigma = statistics(gaussian(n, 100, 0))
    assert 0 <= frechet_distance(mu, sigma, mu, sigma) < 1e-9 * np.trace(sigma)


@pytest.mark.parametrize(("n", "m"), [(30, 40), (500, 40), (500, 600)])
def test_rows_and_their_covariances_agree_and_the_order_of_sets_is_irrelevant(n, m):
    x, y = gaussian(n, 100, 0) + 0.1, gaussian(m, 100, 1, 2.0)
    distance = frechet_distance(*statistics(x), *statistics(y))
    assert frechet_of_rows(x, y) == pytest.approx(distance, rel=1e-9)
    assert frechet_of_rows(y, x) == pytest.approx(distance, rel=1e-9)
    # Rotation and translation of both move nothing.
    turn = scipy.linalg.qr(np.random.default_rng(2).normal(size=(100, 100)))[0]
    assert frechet_of_rows(x @ turn + 3, y @ turn + 3) == pytest.approx(distance, rel=1e-9)


@pytest.mark.parametrize("copies", [2, 1000])
@pytest.mark.parametrize("spread", [0.0, 1e-9, 1e-7])
def test_a_collapsed_set_has_the_distance_of_a_point(copies, spread):
    """Of equal rows a covariance is rounding, of either sign; of nearly equal ones it is rounding in part."""
    real, point = gaussian(500, 100, 0), 5 * np.random.default_rng(1).normal(size=100)
    rows = (point + spread * gaussian(copies, 100, 2)).astype(np.float32).astype(np.float64)
    for features in (rows, rows * np.float64(np.float32(1 / 3))):
        mu, sigma = mean_covariance(moments_of(features))
        expected = np.sum((features.mean(0) - real.mean(0)) ** 2) + np.trace(statistics(real)[1])
        assert frechet_distance(mu, sigma, *statistics(real)) == pytest.approx(expected, rel=1e-5)
        assert frechet_distance(mu, sigma, mu, sigma) == pytest.approx(0.0, abs=1e-9)


def test_fewer_samples_than_features_work_and_warn():
    x, y = gaussian(50, 100, 0), gaussian(500, 100, 1)
    with pytest.warns(FewSamplesWarning, match=r"50 samples for 100 features.*more than 100 samples"):
        distance = frechet_of_moments(moments_of(x), moments_of(y))
    assert distance == pytest.approx(frechet_of_rows(x, y), rel=1e-9)
    # Under warnings-as-errors this passes only without one.
    frechet_of_moments(moments_of(y), moments_of(y))


def test_errors_name_what_is_wrong():
    mu, sigma = np.zeros(3), np.eye(3)
    with pytest.raises(ValueError, match="expected mu1"):
        frechet_distance(mu, sigma, np.zeros(4), np.eye(4))
    with pytest.raises(ValueError, match="expected mu1"):
        frechet_distance(mu[None], sigma, mu[None], sigma)
    with pytest.raises(ValueError, match="sigma2 or its mean is not finite"):
        frechet_distance(mu, sigma, mu, sigma * np.nan)
    with pytest.raises(ValueError, match="sigma1 is not symmetric"):
        frechet_distance(mu, sigma + np.eye(3, k=1), mu, sigma)
    with pytest.raises(ValueError, match="sigma1 has negative eigenvalues"):
        frechet_distance(mu, np.array([[1.0, 2, 0], [2, 1, 0], [0, 0, 1]]), mu, sigma)
    with pytest.raises(ValueError, match=r"at least 2 rows, got x \[1, D\]"):
        frechet_of_rows(np.ones((1, 3)), np.ones((4, 3)))
