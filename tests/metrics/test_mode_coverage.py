import numpy as np
import pytest
import scipy.stats

from jaxgan.metrics.mode_coverage import mode_coverage


def test_closed_forms():
    assert mode_coverage(np.arange(1000).repeat(3), 1000) == (1000, pytest.approx(0, abs=1e-12))
    assert mode_coverage(np.full(26, 7), 1000) == (1, pytest.approx(np.log(1000)))
    # Uniform over a quarter of the modes.
    assert mode_coverage(np.arange(250), 1000) == (250, pytest.approx(np.log(4)))


def test_equals_the_relative_entropy_of_the_shares():
    labels = np.random.default_rng(0).binomial(9, 0.3, size=500)
    shares = np.bincount(labels, minlength=10) / 500
    assert mode_coverage(labels, 10) == (
        np.sum(shares > 0),
        pytest.approx(scipy.stats.entropy(shares, np.full(10, 0.1))),
    )


def test_errors():
    with pytest.raises(ValueError, match=r"within \[0, 10\), got 0 to 10"):
        mode_coverage(np.arange(11), 10)
    for wrong in (np.zeros((2, 2), int), np.zeros(3), np.zeros(0, int)):
        with pytest.raises(ValueError, match=r"labels \[N\] of int"):
            mode_coverage(wrong, 10)
