import numpy as np
import pytest

from jaxgan.metrics.precision_recall import precision_recall


def features(n, seed, shift=0.0, d=4):
    return (np.random.default_rng(seed).normal(size=(n, d)) + shift).astype(np.float32)


def plain(real, fake, k):
    def distances(a, b):
        return np.sqrt(((a[:, None].astype(np.float64) - b[None]) ** 2).sum(-1))

    def covered(points, centres):
        # The nearest of all is the centre itself.
        radii = np.sort(distances(centres, centres), 1)[:, k]
        return (distances(points, centres) <= radii).any(1).mean()

    return covered(fake, real), covered(real, fake)


@pytest.mark.parametrize("k", [1, 3, 5])
def test_equals_the_plain_definition(k):
    real, fake = features(70, 0), features(50, 1, 0.8)
    result = precision_recall(real, fake, k=k)
    assert result == plain(real, fake, k)
    assert result == precision_recall(fake, real, k=k)[::-1]
    assert 0 < result[0] < 1 and 0 < result[1] < 1 and result[0] != result[1]


def test_copies_apart_and_a_dropped_mode():
    real = features(40, 0)
    assert precision_recall(real, real) == (1, 1)
    assert precision_recall(real, real + 100) == (0, 0)
    # Two modes of which one is drawn: all images are good, half of the data is missed.
    modes = np.concatenate([real, real + 100])
    assert precision_recall(modes, real) == (1, 0.5)


def test_the_surface_belongs_to_the_ball():
    line = np.arange(4, dtype=np.float32)[:, None]
    # Every radius is 1: the image at 4 lies on the surface of the ball around 3.
    assert precision_recall(line, np.array([[4.0], [40], [50]], np.float32), k=1)[0] == pytest.approx(1 / 3)


def test_errors():
    with pytest.raises(ValueError, match="k=3 nearest of 2 rows"):
        precision_recall(features(3, 0), features(9, 1))
    with pytest.raises(ValueError, match="fake has 1 of 9 rows that are not finite"):
        precision_recall(features(9, 0), np.where(np.arange(9)[:, None] == 4, np.nan, features(9, 1)))
