import jax
import numpy as np
import pytest

from jaxgan.metrics.kernel import kernel_distance
from jaxgan.parallel import make_mesh


def features(n, seed, d=16, shift=0.0):
    return (np.random.default_rng(seed).normal(size=(n, d)) + shift).astype(np.float32)


def plain(x, y):
    """The unbiased estimate from pairs, one at a time."""

    def k(a, b):
        return (a @ b / len(a) + 1) ** 3

    m = len(x)
    x, y = x.astype(np.float64), y.astype(np.float64)
    pairs = [(i, j) for i in range(m) for j in range(m)]
    within = sum(k(x[i], x[j]) + k(y[i], y[j]) for i, j in pairs if i != j) / (m * (m - 1))
    return within - 2 * sum(k(x[i], y[j]) for i, j in pairs) / m**2


def test_blocks_are_drawn_in_turn_and_each_is_the_unbiased_estimate():
    x, y = features(40, 0), features(50, 1, shift=0.3)
    rng = np.random.RandomState(7)
    expected = []
    for _ in range(3):
        i = rng.choice(40, 11, replace=False)
        j = rng.choice(50, 11, replace=False)
        expected.append(plain(x[i], y[j]))
    got = kernel_distance(x, y, blocks=3, block_size=11, seed=7)
    np.testing.assert_allclose(got, [np.mean(expected), np.std(expected), np.std(expected) / 3**0.5], rtol=1e-11)


def test_unbiased_for_two_halves_of_one_set_and_positive_for_a_shift():
    x = features(8000, 0)
    same = kernel_distance(x[:4000], x[4000:], blocks=60, block_size=60)
    assert abs(same.mean) < 4 * same.stderr
    # A biased estimate would be off by about 2 E k(x, x) / 60, far more than this allows.
    assert 4 * same.stderr < 2 * 8 / 60
    shifted = kernel_distance(x[:4000], features(4000, 1, shift=0.5), blocks=60, block_size=60)
    assert shifted.mean > 10 * shifted.stderr


def test_sets_of_one_row_repeated_have_the_closed_form():
    # Every kernel value is (|a|^2 / D + 1)^3, (|b|^2 / D + 1)^3 or (a.b / D + 1)^3.
    a, b = np.ones((9, 4), np.float32), np.full((9, 4), 2, np.float32)
    assert kernel_distance(a, b, blocks=2, block_size=9)[:2] == pytest.approx((2**3 + 5**3 - 2 * 3**3, 0.0), rel=1e-12)


@pytest.mark.parametrize("block_size", [13, 16])
def test_eight_devices_agree_with_one(block_size):
    x, y = features(40, 0), features(50, 1, shift=0.3)
    one = kernel_distance(x, y, blocks=3, block_size=block_size)
    with jax.set_mesh(make_mesh(fsdp=2)):
        eight = kernel_distance(x, y, blocks=3, block_size=block_size)
    np.testing.assert_allclose(eight, one, rtol=1e-12)


def test_errors_say_what_to_pass():
    x = features(40, 0)
    with pytest.raises(ValueError, match=r"block_size=1000 .* sets of 40 and 30 rows; pass block_size within 2 to 30"):
        kernel_distance(x, x[:30])
    with pytest.raises(ValueError, match="y has 15 features per row and x has 16"):
        kernel_distance(x, x[:, :15])
    with pytest.raises(ValueError, match="blocks must be at least 1"):
        kernel_distance(x, x, blocks=0, block_size=10)
