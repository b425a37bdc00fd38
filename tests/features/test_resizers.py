"""Each resizer against its reference: torch-fidelity's and pytorch-fid's kept results, and Pillow itself."""

import numpy as np
import pytest
from PIL import Image

from jaxgan.features.resizers import resize

TAGS = ["32", "299", "48x64", "320x400"]


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize("resizer", ["tf1", "torch"])
def test_bilinear_equals_its_reference(inception_reference, tag, resizer):
    images = inception_reference[f"in_{tag}"].transpose(0, 2, 3, 1)
    # The fixture keeps every 23rd pixel of the first image.
    got = np.asarray(resize(images, (299, 299), resizer))[:1, ::23, ::23].transpose(0, 3, 1, 2)
    np.testing.assert_allclose(got, inception_reference[f"resize_{resizer}_{tag}"], rtol=0, atol=1e-4)


def pillow(image, size):
    channels = [Image.fromarray(image[..., c].astype(np.float32)) for c in range(image.shape[-1])]
    resized = [np.asarray(c.resize((size[1], size[0]), Image.Resampling.BICUBIC)) for c in channels]
    return np.clip(np.stack(resized, -1), 0, 255)


@pytest.mark.parametrize("size", [(299, 299), (224, 224), (31, 77)])
@pytest.mark.parametrize("shape", [(32, 32, 3), (48, 64, 3), (320, 400, 3), (500, 20, 1)])
def test_clean_equals_pillow(size, shape):
    image = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    np.testing.assert_allclose(resize(image[None], size, "clean")[0], pillow(image, size), rtol=0, atol=2e-4)


def test_images_of_the_size_stay_as_they_are():
    images = np.random.default_rng(0).integers(0, 256, (2, 16, 12, 3)).astype(np.uint8)
    for resizer in ("tf1", "torch", "clean"):
        np.testing.assert_array_equal(resize(images, (16, 12), resizer), images)


def test_an_unknown_name_is_an_error():
    with pytest.raises(ValueError, match=r"'bicubic'; choose from tf1, torch, clean"):
        resize(np.zeros((1, 4, 4, 3), np.uint8), (8, 8), "bicubic")
