import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.nn import pooled

FEATURES = np.random.default_rng(0).normal(size=(3, 4, 6, 8)).astype(np.float32)


@pytest.mark.parametrize(("pooling", "positions"), [("sum", 1), ("mean", 24)])
def test_pools_what_is_above_zero_in_float32(pooling, positions):
    features = jnp.asarray(FEATURES, jnp.bfloat16)
    expected = np.maximum(np.asarray(features, np.float64), 0).sum((1, 2)) / positions
    out = pooled(features, pooling)
    assert out.dtype == jnp.float32
    np.testing.assert_allclose(out, expected, rtol=1e-5)


def test_unknown_pooling_lists_what_exists():
    with pytest.raises(ValueError, match="pooling='max'; choose from sum, mean"):
        pooled(FEATURES, "max")
