import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.nn import initializer


@pytest.mark.parametrize("shape", [(3, 3, 4, 8), (1, 1, 4, 16), (6, 5), (5, 6)])
def test_orthogonal_is_orthonormal_in_the_flattened_kernel(shape):
    kernel = np.asarray(initializer("orthogonal")(jax.random.key(0), shape, jnp.float32), np.float64)
    matrix = kernel.reshape(-1, shape[-1])
    gram = matrix.T @ matrix if matrix.shape[0] >= matrix.shape[1] else matrix @ matrix.T
    np.testing.assert_allclose(gram, np.eye(len(gram)), atol=1e-5)


def test_normal_02_has_that_deviation():
    kernel = np.asarray(initializer("normal_02")(jax.random.key(0), (3, 3, 64, 64), jnp.float32))
    np.testing.assert_allclose(kernel.std(), 0.02, rtol=0.02)
    assert abs(kernel.mean()) < 5e-4


def test_numbers_say_the_deviation_or_the_bound():
    normal = np.asarray(initializer("normal:0.5")(jax.random.key(0), (64, 64), jnp.float32))
    np.testing.assert_allclose(normal.std(), 0.5, rtol=0.05)
    uniform = np.asarray(initializer("uniform:0.05")(jax.random.key(0), (64, 64), jnp.float32))
    assert -0.05 <= uniform.min() < -0.049 and 0.049 < uniform.max() <= 0.05
    for wrong in ("uniform", "uniform:-1", "normal:x", "normal:nan"):
        with pytest.raises(ValueError, match="unknown init"):
            initializer(wrong)


def test_unknown_name_lists_what_exists():
    with pytest.raises(ValueError, match=r"'glorot'.*normal_02.*orthogonal"):
        initializer("glorot")
