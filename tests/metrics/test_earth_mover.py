import itertools

import numpy as np
import pytest

from jaxgan.metrics.earth_mover import earth_movers_distance

rng = np.random.default_rng(0)


def test_on_a_line_points_pair_up_in_order():
    x, y = rng.normal(size=(60, 1)), 2 * rng.standard_exponential((60, 1))
    expected = np.abs(np.sort(x[:, 0]) - np.sort(y[:, 0])).mean()
    np.testing.assert_allclose(earth_movers_distance(x, y), expected, rtol=1e-12)


def test_the_cheapest_of_all_assignments():
    x, y = rng.normal(size=(6, 2)), rng.normal(size=(6, 2))
    cheapest = min(np.linalg.norm(x - y[list(order)], axis=1).mean() for order in itertools.permutations(range(6)))
    np.testing.assert_allclose(earth_movers_distance(x, y), cheapest, rtol=1e-12)
    squared = min(((x - y[list(order)]) ** 2).sum(1).mean() for order in itertools.permutations(range(6)))
    np.testing.assert_allclose(earth_movers_distance(x, y, metric="sqeuclidean"), squared, rtol=1e-12)


def test_translation_costs_its_length_whatever_the_order():
    x = rng.normal(size=(100, 3)).astype(np.float32)
    moved = x.astype(np.float64) + np.array([2.0, 3.0, 6.0])
    np.testing.assert_allclose(earth_movers_distance(x, moved[rng.permutation(100)]), 7.0, rtol=1e-12)
    assert earth_movers_distance(x, x[::-1]) == 0.0


def test_errors():
    with pytest.raises(ValueError, match=r"\(3, 2\) and \(4, 2\).*same number"):
        earth_movers_distance(np.zeros((3, 2)), np.zeros((4, 2)))
    with pytest.raises(ValueError, match=r"20000 points takes 3.2 GB.*limit is 10000"):
        earth_movers_distance(np.zeros((20_000, 1)), np.zeros((20_000, 1)))
    with pytest.raises(ValueError, match="limit is 4"):
        earth_movers_distance(np.zeros((5, 1)), np.zeros((5, 1)), max_points=4)
    with pytest.raises(ValueError, match="finite"):
        earth_movers_distance(np.full((2, 1), np.nan), np.zeros((2, 1)))
