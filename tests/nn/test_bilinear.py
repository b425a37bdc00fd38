import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from jaxgan.nn.bilinear import resize_bilinear

IMAGES = np.random.default_rng(0).normal(size=(2, 6, 9, 3)).astype(np.float32)


@pytest.mark.parametrize("size", [(3, 4), (12, 5), (6, 9), (1, 2)])
def test_places_go_evenly_from_corner_to_corner(size):
    out = resize_bilinear(IMAGES, size)
    rows = np.linspace(0, 5, size[0]) if size[0] > 1 else np.zeros(1)
    at = np.meshgrid(rows, np.linspace(0, 8, size[1]), indexing="ij")
    for image, got in zip(IMAGES, out):
        for channel in range(3):
            expected = map_coordinates(image[..., channel].astype(np.float64), at, order=1)
            np.testing.assert_allclose(got[..., channel], expected, rtol=1e-4, atol=1e-5)
