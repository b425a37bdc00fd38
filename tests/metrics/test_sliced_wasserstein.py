import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from jaxgan.metrics.sliced_wasserstein import (
    laplacian_pyramid,
    normalize_descriptors,
    patch_descriptors,
    pyramid_descriptors,
    reconstruct,
    sliced_wasserstein,
    sliced_wasserstein_pyramid,
)


def photographs(n: int, seed: int, side: int = 64) -> np.ndarray:
    """Noise of every scale, [n, side, side, 3] float32."""
    rng = np.random.default_rng(seed)
    layers = [rng.laplace(size=(n, side >> s, side >> s, 3)).repeat(1 << s, 1).repeat(1 << s, 2) for s in range(5)]
    return (127 + 12 * sum(layers)).astype(np.float32)


def test_a_pyramid_is_its_image_in_parts():
    images = photographs(2, 0, 32)[:, :, :24]
    pyramid = laplacian_pyramid(images, 3)
    assert [p.shape for p in pyramid] == [(2, 32, 24, 3), (2, 16, 12, 3), (2, 8, 6, 3)]
    np.testing.assert_allclose(reconstruct(pyramid), images, atol=1e-4)
    exact = laplacian_pyramid(images.astype(np.float64), 3)
    np.testing.assert_allclose(reconstruct(exact), images, rtol=1e-14)
    np.testing.assert_array_equal(laplacian_pyramid(images, 1)[0], images)
    # A flat image has no detail at all, up to its borders.
    flat = laplacian_pyramid(np.full((1, 16, 16, 1), 200, np.uint8), 2)
    np.testing.assert_allclose(flat[0], 0, atol=1e-4)
    np.testing.assert_allclose(flat[1], 200, rtol=1e-6)


def test_halving_weighs_neighbours_binomially_and_mirrors_without_repeating_the_border():
    images = np.random.default_rng(1).normal(size=(1, 8, 8, 1))
    weights = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]) / 256
    padded = np.pad(images[0, :, :, 0], 2, mode="reflect")
    expected = [[(weights * padded[y : y + 5, x : x + 5]).sum() for x in range(0, 8, 2)] for y in range(0, 8, 2)]
    np.testing.assert_allclose(laplacian_pyramid(images, 2)[1][0, :, :, 0], expected, rtol=1e-12)


def test_descriptors_are_patches_of_every_place_normalised_by_channel():
    # Each pixel names its image, row and column.
    n, y, x = np.mgrid[0:3, 0:9, 0:8]
    level = np.stack([n, y, x], -1).astype(np.float32)
    found = patch_descriptors(level, rng=np.random.default_rng(0), patches=200, size=7)
    assert found.shape == (600, 7, 7, 3)
    np.testing.assert_array_equal(found[:, 0, 0, 0], np.repeat([0, 1, 2], 200))
    corners = {tuple(c) for c in found[:, 0, 0, 1:].astype(int)}
    assert corners == {(a, b) for a in range(3) for b in range(2)}
    steps = np.mgrid[0:7, 0:7].transpose(1, 2, 0)
    np.testing.assert_array_equal(found[..., 1:] - found[:, :1, :1, 1:], np.broadcast_to(steps, (600, 7, 7, 2)))


def test_normalisation_is_by_channel_and_exact_for_a_large_set():
    # Of this many equal numbers a plain sum in float32 is wrong by several percent.
    large = np.full((100_000, 7, 7, 2), 0.1, np.float32)
    large[::2, :, :, 0] = 1000.3
    found = normalize_descriptors(large).reshape(-1, 49, 2)
    np.testing.assert_allclose(found[:2, 0], [[1, 0], [-1, 0]], atol=1e-5)
    assert np.ptp(found[::2], axis=(0, 1)).max() == 0


def test_on_a_line_it_is_the_sorted_difference_and_a_shift_costs_its_mean_projection():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(500, 1)), rng.standard_exponential((500, 1))
    expected = np.abs(np.sort(x[:, 0]) - np.sort(y[:, 0])).mean()
    np.testing.assert_allclose(sliced_wasserstein(x, y, rng=rng, repeats=2, projections=3), expected, rtol=1e-12)
    # In the plane the mean of |cos| is 2 / pi.
    points = rng.normal(size=(50, 2))
    moved = points[::-1] + np.array([3.0, 4.0])
    found = sliced_wasserstein(points, moved, rng=rng, repeats=20, projections=1000)
    np.testing.assert_allclose(found, 5 * 2 / np.pi, rtol=0.01)


def test_equal_sets_are_0_apart_and_brightness_and_contrast_do_not_count():
    images = photographs(8, 0)
    assert sliced_wasserstein_pyramid(images, images, seed=3) == {64: 0.0, 32: 0.0, 16: 0.0}
    changed = sliced_wasserstein_pyramid(images, 0.5 * images + 20, seed=3)
    assert max(changed.values()) < 1e-5
    again = pyramid_descriptors(images[::-1], seed=3, patches=16)
    assert {k: v.shape for k, v in again.items()} == {64: (128, 147), 32: (128, 147), 16: (128, 147)}


def test_blur_shows_at_the_fine_level_and_a_change_of_layout_at_the_coarse():
    images = photographs(24, 0)
    blurred = [
        sliced_wasserstein_pyramid(images, gaussian_filter(images, (0, sigma, sigma, 0)), seed=0, patches=32)
        for sigma in (0.3, 0.5, 0.7)
    ]
    assert blurred[0][64] < blurred[1][64] < blurred[2][64]
    assert all(b[64] > 2 * b[32] > 3 * b[16] for b in blurred), blurred
    light = 2 * np.arange(64, dtype=np.float32)[:, None]
    lit = sliced_wasserstein_pyramid(images, images + light, seed=0, patches=32)
    assert lit[16] > 20 * lit[32] and lit[16] > 0.1, lit


def test_errors():
    with pytest.raises(ValueError, match=r"divisible by 2\^\(levels - 1\), got \(1, 20, 16, 3\)"):
        laplacian_pyramid(np.zeros((1, 20, 16, 3)), 4)
    with pytest.raises(ValueError, match=r"\(4, 2\) and \(5, 2\).*as many samples"):
        sliced_wasserstein(np.zeros((4, 2)), np.zeros((5, 2)), rng=np.random.default_rng(0))
    with pytest.raises(ValueError, match="as many images"):
        sliced_wasserstein_pyramid(np.zeros((4, 16, 16, 3)), np.zeros((5, 16, 16, 3)), seed=0)
    with pytest.raises(ValueError, match="at least 16 pixels"):
        pyramid_descriptors(np.zeros((4, 8, 8, 3)), seed=0)
    with pytest.raises(ValueError, match="7x7 need images at least as large, got 6x9"):
        patch_descriptors(np.zeros((4, 6, 9, 3)), rng=np.random.default_rng(0))
