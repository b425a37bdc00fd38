"""Layers of image-to-image networks against their definitions."""

import numpy as np
import pytest

from jaxgan.nn import instance_norm, pixel_shuffle, reflect_pad
from jaxgan.nn.instance_edges import instance_edges

RNG = np.random.default_rng(0)


def test_instance_norm_is_of_each_channel_of_each_image():
    x = RNG.normal(5, 3, (2, 8, 6, 4)).astype(np.float32)
    wanted = (x - x.mean((1, 2), keepdims=True)) / np.sqrt(x.var((1, 2), keepdims=True) + 1e-5)
    np.testing.assert_allclose(instance_norm(x), wanted, atol=1e-5)
    np.testing.assert_array_equal(instance_norm(np.full((1, 4, 4, 1), 7.0, np.float32)), 0)


def test_reflection_leaves_the_border_out():
    x = np.arange(12.0).reshape(1, 3, 4, 1)
    np.testing.assert_array_equal(reflect_pad(x, 2)[0, 0, :, 0], [10, 9, 8, 9, 10, 11, 10, 9])
    with pytest.raises(ValueError, match="reflection of 3 pixels needs sides of at least 4, got 3x4"):
        reflect_pad(x, 3)


def test_pixel_shuffle_by_its_formula():
    x = RNG.normal(size=(2, 3, 4, 8)).astype(np.float32)
    out = np.asarray(pixel_shuffle(x, 2))
    assert out.shape == (2, 6, 8, 2)
    for row, column, channel in np.ndindex(6, 8, 2):
        wanted = x[:, row // 2, column // 2, channel * 4 + row % 2 * 2 + column % 2]
        np.testing.assert_array_equal(out[:, row, column, channel], wanted)
    with pytest.raises(ValueError, match="by 3 needs channels in multiples of 9, got 8"):
        pixel_shuffle(x, 3)


def test_edges_lie_where_a_neighbour_is_another_instance():
    ids = RNG.integers(0, 2, (2, 5, 6))
    found = np.asarray(instance_edges(ids))[..., 0]
    for image, row, column in np.ndindex(2, 5, 6):
        around = [(row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)]
        inside = [ids[image, r, c] for r, c in around if 0 <= r < 5 and 0 <= c < 6]
        assert found[image, row, column] == any(other != ids[image, row, column] for other in inside)
