import numpy as np
import pytest

from jaxgan.nn import average_pool, max_pool, upsample_nearest

X = np.random.default_rng(0).normal(size=(2, 4, 6, 3)).astype(np.float32)
WINDOWS = np.stack([X[:, i::2, j::2] for i in (0, 1) for j in (0, 1)])


def test_pools_take_windows_of_two_by_two():
    np.testing.assert_allclose(average_pool(X), WINDOWS.mean(0), atol=1e-6)
    np.testing.assert_array_equal(max_pool(X), WINDOWS.max(0))


def test_upsampling_repeats_pixels_and_pooling_undoes_it():
    np.testing.assert_array_equal(upsample_nearest(X), X.repeat(2, axis=1).repeat(2, axis=2))
    np.testing.assert_array_equal(average_pool(upsample_nearest(X)), X)


@pytest.mark.parametrize("pool", [average_pool, max_pool])
@pytest.mark.parametrize("shape", [(1, 3, 4, 1), (1, 4, 3, 1)])
def test_odd_sizes_raise(pool, shape):
    with pytest.raises(ValueError, match=f"{shape[1]}x{shape[2]}"):
        pool(np.zeros(shape, np.float32))
