import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.metrics.psnr import psnr


def test_bytes_that_would_wrap_around():
    x = np.zeros((2, 4, 4, 3), np.uint8)
    y = np.full((2, 4, 4, 3), 255, np.uint8)
    y[1] = 0
    y[1, 0, 0, 0] = 200
    # The greatest error there is, and one pixel in 48.
    expected = [0.0, 10 * np.log10(255**2 * 48 / 200**2)]
    np.testing.assert_allclose(psnr(x, y, data_range=255), expected, atol=1e-4)
    np.testing.assert_allclose(psnr(y, x, data_range=255), expected, atol=1e-4)
    assert np.isposinf(psnr(x, x, data_range=255)).all()


def test_scale_with_range_changes_nothing_and_gradients_follow_the_closed_form():
    rng = np.random.default_rng(0)
    x, y = rng.uniform(size=(2, 3, 5, 6, 1)).astype(np.float32)
    score = jax.jit(lambda a, b: psnr(a, b, data_range=1.0))
    np.testing.assert_allclose(score(x, y), psnr(2 * x - 1, 2 * y - 1, data_range=2.0), rtol=1e-5)
    error = (x - y).astype(np.float64)
    gradient = -20 / np.log(10) * error / (error**2).sum((1, 2, 3), keepdims=True)
    np.testing.assert_allclose(jax.grad(lambda a: score(a, y).sum())(x), gradient, rtol=1e-4)
    # Half precision would lose the small differences.
    assert psnr(x.astype(jnp.bfloat16), y.astype(jnp.bfloat16), data_range=1.0).dtype == jnp.float32


def test_errors():
    with pytest.raises(ValueError, match=r"\(1, 2, 2, 1\) and \(1, 2, 3, 1\)"):
        psnr(jnp.zeros((1, 2, 2, 1)), jnp.zeros((1, 2, 3, 1)), data_range=1.0)
    with pytest.raises(ValueError, match="above 0, got 0"):
        psnr(jnp.zeros((1, 2, 2, 1)), jnp.zeros((1, 2, 2, 1)), data_range=0)
