import numpy as np
import pytest
from PIL import Image

from jaxgan.data import center_crop_resize, flip_mask, to_channels


def test_crop_takes_the_centre_of_the_long_edge():
    bands = np.repeat(np.array([0, 50, 50, 0], np.uint8), 4)
    wide = np.tile(bands, (8, 1))[:, :, None]
    np.testing.assert_array_equal(center_crop_resize(wide, (4, 4)), np.full((4, 4, 1), 50))
    np.testing.assert_array_equal(center_crop_resize(wide.transpose(1, 0, 2), (4, 4)), np.full((4, 4, 1), 50))
    # 8 x 16 has the aspect ratio of 2 x 4: nothing is cut off.
    assert center_crop_resize(wide, (2, 4))[0, :, 0].tolist() == [7, 44, 44, 7]
    # A 1 : 3 target keeps the width of 16 and cuts the height to 5.
    assert center_crop_resize(np.repeat(wide, 3, axis=2), (4, 12)).shape == (4, 12, 3)


def test_resize_is_pillows_antialiased_bilinear_and_leaves_a_fitting_image_alone():
    image = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    assert center_crop_resize(image, (32, 32)) is image
    expected = np.asarray(Image.fromarray(image).resize((8, 8), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(center_crop_resize(image, (8, 8)), expected)
    checkers = (np.indices((32, 32)).sum(0) % 2 * 255).astype(np.uint8)[:, :, None]
    assert np.abs(center_crop_resize(checkers, (8, 8)).astype(int) - 127).max() <= 8


def test_channels():
    grey = np.array([[[10], [200]]], np.uint8)
    np.testing.assert_array_equal(to_channels(grey, 3), np.repeat(grey, 3, axis=2))
    red = np.array([[[255, 0, 0]]], np.uint8)
    assert to_channels(red, 1).tolist() == [[[76]]]
    see_through = np.array([[[255, 0, 0, 255], [255, 0, 0, 0], [0, 0, 0, 51]]], np.uint8)
    assert to_channels(see_through, 3).tolist() == [[[255, 0, 0], [255, 255, 255], [204, 204, 204]]]
    assert to_channels(np.array([[[0, 0]]], np.uint8), 1).tolist() == [[[255]]]


def test_flip_mask_is_a_function_of_seed_and_position():
    positions = np.array([2**40, 7, 0])
    np.testing.assert_array_equal(flip_mask(5, positions)[::-1], flip_mask(5, positions[::-1]))
    # Pinned: another generator would change every stream that was trained on.
    assert np.packbits(flip_mask(0, np.arange(32))).tolist() == [218, 70, 239, 192]


def test_errors():
    with pytest.raises(ValueError, match="two positive numbers"):
        center_crop_resize(np.zeros((2, 2, 3), np.uint8), (0, 2))
    with pytest.raises(ValueError, match=r"expected an image uint8 \[H, W, 1 or 3\], got float64 \[2, 2, 3\]"):
        center_crop_resize(np.zeros((2, 2, 3)), (2, 2))
    with pytest.raises(ValueError, match=r"expected an image uint8 \[H, W, 1 to 4\], got uint8 \[2, 2\]"):
        to_channels(np.zeros((2, 2), np.uint8), 1)
    with pytest.raises(ValueError, match=r"seed must lie in \[0, 2\*\*64\), got -1"):
        flip_mask(-1, np.arange(2))
