import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.nn.haar import haar, inverse_haar

IMAGES = np.random.default_rng(0).normal(size=(2, 6, 8, 3)).astype(np.float32)


def test_bands_are_sums_and_differences_of_windows_channel_by_channel():
    bands = haar(IMAGES)
    assert bands.shape == (2, 3, 4, 12)
    a, b, c, d = IMAGES[:, ::2, ::2], IMAGES[:, ::2, 1::2], IMAGES[:, 1::2, ::2], IMAGES[:, 1::2, 1::2]
    np.testing.assert_allclose(bands[..., :3], (a + b + c + d) / 2, rtol=1e-5, atol=1e-6)
    high = bands[..., 3:].reshape(2, 3, 4, 3, 3)
    for number, expected in enumerate((a + b - c - d, a - b + c - d, a - b - c + d)):
        np.testing.assert_allclose(high[..., number], expected / 2, rtol=1e-5, atol=1e-6)


def test_it_is_a_rotation_that_the_inverse_undoes():
    np.testing.assert_allclose(inverse_haar(haar(IMAGES)), IMAGES, atol=1e-6)
    np.testing.assert_allclose(jnp.square(haar(IMAGES)).sum(), np.square(IMAGES).sum(), rtol=1e-5)
    bands = np.random.default_rng(1).normal(size=(2, 3, 5, 8)).astype(np.float32)
    np.testing.assert_allclose(haar(inverse_haar(bands)), bands, atol=1e-6)


def test_odd_sides_and_three_bands_are_refused():
    with pytest.raises(ValueError, match="halves both sides, got 5 x 8"):
        haar(IMAGES[:, :5])
    with pytest.raises(ValueError, match="3 channels are no four bands"):
        inverse_haar(IMAGES)
