import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.augment import apa_mix

REALS = np.arange(4000 * 2, dtype=np.float32).reshape(4000, 2, 1, 1)


def test_rows_are_swapped_whole_with_the_probability():
    out = np.asarray(jax.jit(apa_mix)(REALS, -1 - REALS, jax.random.key(0), 0.3))
    fake = out[:, 0, 0, 0] < 0
    np.testing.assert_array_equal(out, np.where(fake[:, None, None, None], -1 - REALS, REALS))
    assert abs(fake.mean() - 0.3) < 4 * np.sqrt(0.21 / 4000)


def test_bounds_are_exact_and_points_will_do():
    points = REALS[:, :, 0, 0]
    np.testing.assert_array_equal(apa_mix(points, -points, jax.random.key(0), 0.0), points)
    np.testing.assert_array_equal(apa_mix(points, -points, jax.random.key(0), 1.0), -points)
    assert apa_mix(jnp.asarray(points, jnp.bfloat16), points, jax.random.key(0), 0.5).dtype == jnp.bfloat16
    with pytest.raises(ValueError, match=r"reals \(4000, 2\) and fakes \(3, 2\)"):
        apa_mix(points, points[:3], jax.random.key(0), 0.5)
