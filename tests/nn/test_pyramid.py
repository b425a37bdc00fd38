import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.nn.pyramid import downsample, laplacian_pyramid, reconstruct, upsample

RNG = np.random.default_rng(0)
IMAGES = RNG.normal(size=(2, 8, 12, 3)).astype(np.float32)
POINTS = RNG.normal(size=(5, 2)).astype(np.float32)


@pytest.mark.parametrize("method", ["linear", "nearest"])
@pytest.mark.parametrize(("images", "levels"), [(IMAGES, 0), (IMAGES, 2), (POINTS, 1)])
def test_what_is_taken_apart_comes_back(images, levels, method):
    pyramid = laplacian_pyramid(images, levels, method=method)
    assert len(pyramid.residuals) == levels
    sides = [r.shape[1] for r in pyramid.residuals]
    assert sides == [images.shape[1] // 2**k for k in reversed(range(levels))]
    assert pyramid.coarse.shape[1] == images.shape[1] // 2**levels
    np.testing.assert_allclose(reconstruct(pyramid, method=method), images, atol=1e-6)


def test_a_residual_is_what_its_level_lost():
    pyramid = laplacian_pyramid(IMAGES, 2)
    small = IMAGES.reshape(2, 4, 2, 6, 2, 3).mean((2, 4))
    np.testing.assert_allclose(pyramid.coarse, small.reshape(2, 2, 2, 3, 2, 3).mean((2, 4)), atol=1e-6)
    np.testing.assert_allclose(pyramid.residuals[1], IMAGES - upsample(small), atol=1e-6)
    haar = np.asarray(laplacian_pyramid(IMAGES, 1, method="nearest").residuals[0])
    np.testing.assert_allclose(haar.reshape(2, 4, 2, 6, 2, 3).mean((2, 4)), 0, atol=1e-6)


def test_points_are_a_mean_and_a_difference():
    pyramid = laplacian_pyramid(POINTS, 1)
    np.testing.assert_allclose(pyramid.coarse[:, 0], POINTS.mean(1), atol=1e-6)
    half = (POINTS[:, 0] - POINTS[:, 1]) / 2
    np.testing.assert_allclose(pyramid.residuals[0], np.stack([half, -half], 1), atol=1e-6)


def test_linear_upsampling_keeps_corners_and_planes():
    """Torch7's image.scale: pixel i of n reads at i (m - 1) / (n - 1) of m."""
    rows, columns = np.linspace(-1, 1, 4), np.linspace(0, 3, 6)
    plane = (rows[:, None] + columns)[None, :, :, None].astype(np.float32)
    expected = (np.linspace(-1, 1, 8)[:, None] + np.linspace(0, 3, 12))[None, :, :, None]
    np.testing.assert_allclose(upsample(plane), expected, atol=1e-6)
    image = RNG.normal(size=(1, 3, 5, 2))
    at = [np.arange(2 * n) * (n - 1) / (2 * n - 1) for n in (3, 5)]
    expected = np.apply_along_axis(lambda column: np.interp(at[0], np.arange(3), column), 1, image)
    expected = np.apply_along_axis(lambda row: np.interp(at[1], np.arange(5), row), 2, expected)
    np.testing.assert_allclose(upsample(image.astype(np.float32)), expected, atol=1e-6)


def test_dtypes_stay():
    half = jnp.asarray(IMAGES, jnp.bfloat16)
    assert upsample(half).dtype == downsample(half).dtype == jnp.bfloat16


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda: downsample(np.zeros((2, 3), np.float32)), "even size, got 3"),
        (lambda: downsample(np.zeros((2, 3, 4, 1), np.float32)), "even height and width, got 3x4"),
        (lambda: downsample(np.zeros((2, 4, 4), np.float32)), r"images \[B, H, W, C\] or signals \[B, N\]"),
        (lambda: upsample(IMAGES, method="cubic"), "choose from linear, nearest"),
        (lambda: laplacian_pyramid(IMAGES, -1), "levels=-1"),
    ],
)
def test_errors_say_what_would_do(function, message):
    with pytest.raises(ValueError, match=message):
        function()
