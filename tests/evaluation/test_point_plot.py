import numpy as np
import pytest

from jaxgan.data import toy_mixture
from jaxgan.evaluation import density_plot

RING = toy_mixture("ring8")
NONE = np.zeros((0, 2))


def redness(picture):
    return picture[..., 0].astype(int) - picture[..., 2]


def test_the_density_is_darkest_at_the_means_and_paper_between_them():
    picture = density_plot(NONE, RING, side=200)
    assert picture.shape == (200, 200, 3) and picture.dtype == np.uint8
    # As far as the outermost mean goes, plus the margin.
    half = 2 / 1.414 * 1.3
    columns, rows = np.floor((RING.means + half) / (2 * half) * 200).astype(int).T
    at_means = picture[199 - rows, columns]
    assert (at_means[:, 0] < 120).all()
    assert (picture[100, 100] == picture[0, 0]).all() and picture[0, 0].min() > 240
    # Nothing else is as dark: eight discs of three standard deviations.
    area = (density_plot(NONE, RING, side=800)[..., 0] < 146).mean() * (2 * half) ** 2
    assert area == pytest.approx(8 * np.pi * (3 * RING.std) ** 2, rel=0.05)


def test_a_point_is_where_it_should_be_and_points_add_up():
    one = redness(density_plot(np.array([[0.8, 0.4]]), RING, side=200))
    rows, columns = np.nonzero(one > 100)
    half = 2 / 1.414 * 1.3
    np.testing.assert_allclose((columns.mean() + 0.5) / 200 * 2 * half - half, 0.8, atol=0.02)
    np.testing.assert_allclose(half - (rows.mean() + 0.5) / 200 * 2 * half, 0.4, atol=0.02)
    many = redness(density_plot(np.full((20, 2), [0.8, 0.4]), RING, side=200))
    assert many.max() > one.max() + 20


def test_points_beyond_the_picture_are_on_its_border_and_lost_ones_nowhere():
    empty = density_plot(NONE, RING, side=64)
    lost = np.array([[np.nan, 0], [0, np.inf]])
    np.testing.assert_array_equal(density_plot(lost, RING, side=64), empty)
    beyond = density_plot(np.array([[50.0, 50.0]]), RING, side=64)
    changed = np.argwhere((beyond != empty).any(-1))
    assert len(changed) and (changed[:, 0] < 3).all() and (changed[:, 1] > 60).all()


def test_errors():
    for points, side in ((np.zeros((3, 3)), 64), (NONE, 8)):
        with pytest.raises(ValueError, match=r"points \[N, 2\] and a side of 16"):
            density_plot(points, RING, side=side)
