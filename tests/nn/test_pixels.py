import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.nn import from_uint8, to_uint8

ALL = np.arange(256, dtype=np.uint8)


def test_round_trip_is_the_identity_on_every_value():
    floats = from_uint8(ALL)
    assert floats.dtype == jnp.float32
    np.testing.assert_array_equal(floats[jnp.array([0, -1])], [-1.0, 1.0])
    back = to_uint8(floats)
    assert back.dtype == jnp.uint8
    np.testing.assert_array_equal(back, ALL)


def test_floats_round_to_nearest_and_clip():
    values = np.array([-np.inf, -1.7, 1.01, 7.0, 0.4 / 127.5 - 1, 0.6 / 127.5 - 1], np.float32)
    np.testing.assert_array_equal(to_uint8(values), [0, 0, 255, 255, 0, 1])


@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_only_uint8_comes_in(dtype):
    with pytest.raises(TypeError, match=np.dtype(dtype).name):
        from_uint8(np.zeros((1, 2, 2, 3), dtype))
