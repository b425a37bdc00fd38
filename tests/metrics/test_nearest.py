import numpy as np
import pytest

from jaxgan.metrics.nearest import nearest


def test_a_copy_is_found_at_distance_zero_and_others_in_order():
    rng = np.random.default_rng(0)
    bank = (rng.normal(size=(200, 12)) + 10).astype(np.float32)
    queries = np.concatenate([bank[[17, 99]], rng.normal(size=(5, 12)).astype(np.float32) + 10])
    indices, distances = nearest(queries, bank, 3)
    plain = np.linalg.norm(queries[:, None].astype(np.float64) - bank[None], axis=-1)
    np.testing.assert_array_equal(indices, np.argsort(plain, 1)[:, :3])
    np.testing.assert_allclose(distances, np.sort(plain, 1)[:, :3], rtol=1e-12)
    assert (distances[:2, 0] == 0).all() and indices[:2, 0].tolist() == [17, 99]


def test_errors():
    x = np.ones((4, 3), np.float32)
    with pytest.raises(ValueError, match="k=5 nearest of 4 rows"):
        nearest(x, x, 5)
    with pytest.raises(ValueError, match="among has 2 features per row and queries has 3"):
        nearest(x, x[:, :2], 1)
    with pytest.raises(ValueError, match="queries must be features"):
        nearest(x[0], x, 1)
