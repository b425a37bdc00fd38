import numpy as np
import pytest

from jaxgan.metrics.density_coverage import density_coverage


def features(n, seed, shift=0.0, d=4):
    return (np.random.default_rng(seed).normal(size=(n, d)) + shift).astype(np.float32)


def plain(real, fake, k):
    def distances(a, b):
        return np.sqrt(((a[:, None].astype(np.float64) - b[None]) ** 2).sum(-1))

    radii = np.sort(distances(real, real), 1)[:, k]
    within = distances(real, fake) < radii[:, None]
    return within.sum() / (k * len(fake)), within.any(1).mean()


@pytest.mark.parametrize("k", [1, 5])
def test_equals_the_plain_definition(k):
    real, fake = features(70, 0), features(50, 1, 0.8)
    density, coverage = density_coverage(real, fake, k=k)
    assert (density, coverage) == pytest.approx(plain(real, fake, k), rel=1e-12)
    assert density > 0 and 0 < coverage < 1


def test_the_set_itself_has_one_of_both_and_a_dense_spot_more():
    real = features(40, 0)
    # Each open ball holds its centre and k - 1 others.
    assert density_coverage(real, real) == (1, 1)
    assert density_coverage(real, real + 100) == (0, 0)
    # Images all at the densest row lie in many balls and cover few.
    radii = np.sort(((real[:, None] - real[None]) ** 2).sum(-1), 1)[:, 5]
    density, coverage = density_coverage(real, np.repeat(real[[radii.argmin()]], 30, 0))
    assert density > 1.2 and coverage == pytest.approx(density * 5 / 40)


def test_the_surface_does_not_belong_to_the_ball():
    line = np.arange(4, dtype=np.float32)[:, None]
    assert density_coverage(line, np.array([[4.0]], np.float32), k=1) == (0, 0)
    assert density_coverage(line, np.array([[3.75]], np.float32), k=1) == (1, 0.25)


def test_errors():
    with pytest.raises(ValueError, match="k=5 nearest of 3 rows"):
        density_coverage(features(4, 0), features(9, 1))
    with pytest.raises(ValueError, match="fake has 3 features per row and real has 4"):
        density_coverage(features(9, 0), features(9, 1, d=3))
