import jax
import ml_dtypes
import numpy as np
import pytest

from jaxgan.metrics import pairwise
from jaxgan.metrics.pairwise import ball_counts, check_features, nearest_rows
from jaxgan.parallel import make_mesh


def features(n, seed, d=6):
    return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)


def distances(x, y):
    x, y = x.astype(np.float64), y.astype(np.float64)
    return ((x[:, None] - y[None]) ** 2).sum(-1)


@pytest.fixture(params=["one block", "many blocks", "many blocks, eight devices"])
def setting(request, monkeypatch):
    """Runs the test over blockings that divide nothing evenly, and over a mesh."""
    if request.param != "one block":
        monkeypatch.setattr(pairwise, "BLOCK", 3 if "eight" in request.param else 10)
    if "eight" in request.param:
        with jax.set_mesh(make_mesh(fsdp=2)):
            yield
    else:
        yield


def test_nearest_rows_are_the_plain_ones(setting):
    x, y = features(53, 0), features(41, 1)
    d = distances(x, y)
    squared, rows = nearest_rows(x, y, 4)
    np.testing.assert_array_equal(rows, np.argsort(d, 1)[:, :4])
    np.testing.assert_allclose(squared, np.sort(d, 1)[:, :4], rtol=1e-12)
    own = distances(x, x)
    np.fill_diagonal(own, np.inf)
    squared, rows = nearest_rows(x, x, 4, exclude_self=True)
    np.testing.assert_array_equal(rows, np.argsort(own, 1)[:, :4])
    np.testing.assert_allclose(squared, np.sort(own, 1)[:, :4], rtol=1e-12)


@pytest.mark.parametrize("closed", [True, False])
def test_counts_are_the_plain_ones(setting, closed):
    x, y = features(53, 0), features(41, 1)
    # Padding lies at the origin, too.
    x[7] = 0
    radii = np.random.default_rng(2).uniform(2, 20, size=41)
    within = distances(x, y) < radii
    per_query, per_centre = ball_counts(x, y, radii, closed=closed)
    np.testing.assert_array_equal(per_query, within.sum(1))
    np.testing.assert_array_equal(per_centre, within.sum(0))


def test_whether_the_surface_counts_decides_ties_despite_rounding(setting):
    # The relative change stands for the last bits, which another order of summation would change.
    x = features(53, 0, d=301) + 5
    radii = nearest_rows(x, x, 3, exclude_self=True)[0][:, -1]
    # Each ball holds its centre, two rows inside and one on the surface.
    turned = np.concatenate([x[::-1], x[:1] + 100])
    for change in (-1e-13, 0, 1e-13):
        assert (ball_counts(turned, x, radii * (1 + change), closed=True)[1] == 4).all()
        assert (ball_counts(turned, x, radii * (1 + change), closed=False)[1] == 3).all()
    # Balls of copies have radius 0: closed they hold the copies, open nothing.
    copies = np.repeat(x[:1], 5, 0)
    radii = nearest_rows(copies, copies, 3, exclude_self=True)[0][:, -1]
    assert (ball_counts(copies, copies, radii, closed=True)[1] == 5).all()
    assert (ball_counts(copies, copies, radii, closed=False)[1] == 0).all()


def test_float64_features_stay_so():
    x = features(5, 0).astype(np.float64)
    y = x + 1e-5 * np.eye(5, 6)
    squared, rows = nearest_rows(x, y, 1)
    np.testing.assert_array_equal(rows[:, 0], np.arange(5))
    # Exact except for the rounding of |x|^2 + |y|^2, which float32 rows would exceed.
    np.testing.assert_allclose(squared[:, 0], 1e-10, rtol=1e-3)


def test_check_features():
    x = features(5, 0)
    half, kept = check_features(half=x.astype(ml_dtypes.bfloat16), kept=x.astype(np.float64))
    assert half.dtype == np.float32 and kept.dtype == np.float64
    bad = x.copy()
    bad[3, 1] = np.inf
    with pytest.raises(ValueError, match=r"fake has 1 of 5 rows that are not finite \(the first is row 3\)"):
        check_features(real=x, fake=bad)
    with pytest.raises(ValueError, match="fake has 5 features per row and real has 6"):
        check_features(real=x, fake=x[:, :5])
    for wrong in (x[0], x[None], x[:0], x.astype(int)):
        with pytest.raises(ValueError, match=r"real must be features \[N, D\] of float"):
            check_features(real=wrong)
    with pytest.raises(ValueError, match="k=5 nearest of 4 rows"):
        nearest_rows(x, x, 5, exclude_self=True)
