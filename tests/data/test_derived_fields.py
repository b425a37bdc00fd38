"""Bicubic degradation against the formula and Pillow; edges of shapes whose edges are known."""

import numpy as np
import pytest
from PIL import Image

from jaxgan import data
from jaxgan.data.bicubic import shrink_as_matlab
from jaxgan.data.canny import canny
from jaxgan.data.fields import Field
from jaxgan.data.keys import Key


def apply(operation, image):
    return operation({"image": Field(image.shape, np.uint8, "image")}, {"image": image}, Key(0, 0))


def cubic(t):
    t = abs(t)
    if t <= 1:
        return 1.5 * t**3 - 2.5 * t**2 + 1
    return -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2 if t < 2 else 0.0


def matlab_pixel(image, factor, row, column):
    """imresize's documented formula for one pixel, in both axes at once, with MATLAB's 1-based coordinates."""
    weights = []
    for length, output in zip(image.shape, (row + 1, column + 1)):
        scale = 1 / factor
        centre = output / scale + 0.5 * (1 - 1 / scale)
        first = int(np.floor(centre - 2 / scale))
        taps = {}
        for place in range(first, first + int(np.ceil(4 / scale)) + 2):
            folded = (place - 1) % (2 * length)
            mirrored = folded if folded < length else 2 * length - 1 - folded
            taps[mirrored] = taps.get(mirrored, 0) + scale * cubic(scale * (centre - place))
        total = sum(taps.values())
        weights.append({place: weight / total for place, weight in taps.items()})
    return sum(a * b * float(image[i, j]) for i, a in weights[0].items() for j, b in weights[1].items())


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_degrade_is_matlabs_imresize(factor):
    image = np.random.default_rng(factor).integers(0, 256, (24, 36, 1), np.uint8)
    small = apply(data.Degrade(factor), image)["low"][..., 0]
    assert small.shape == (24 // factor, 36 // factor)
    exact = np.array(
        [[matlab_pixel(image[..., 0], factor, r, c) for c in range(36 // factor)] for r in range(24 // factor)]
    )
    # Within rounding; exact ties may fall either way.
    assert np.abs(np.clip(exact, 0, 255) - small).max() <= 0.5 + 1e-6


@pytest.mark.parametrize("factor", [2, 4])
def test_kernels_agree_inside_and_pillows_is_pillows(factor):
    image = np.random.default_rng(0).integers(0, 256, (64, 48, 3), np.uint8)
    pillow = np.asarray(Image.fromarray(image).resize((48 // factor, 64 // factor), Image.Resampling.BICUBIC))
    np.testing.assert_array_equal(apply(data.Degrade(factor, kernel="pillow"), image)["low"], pillow)
    matlab = apply(data.Degrade(factor), image)["low"]
    difference = np.abs(matlab.astype(int) - pillow)
    assert difference[2:-2, 2:-2].max() <= 1 < difference.max()
    # Without antialiasing, as OpenCV's INTER_CUBIC, the result is far off.
    without = image[factor // 2 :: factor, factor // 2 :: factor]
    assert np.abs(matlab.astype(int) - without).mean() > 20


def test_degrade_keeps_flat_images_and_the_image():
    image = np.full((8, 8, 3), 201, np.uint8)
    made = apply(data.Degrade(4), image)
    assert (made["low"] == 201).all() and made["image"] is image
    np.testing.assert_array_equal(shrink_as_matlab(image, 1), image)


def test_grey_is_the_luma():
    image = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    expected = np.asarray(Image.fromarray(image).convert("L"))
    np.testing.assert_array_equal(apply(data.Grey(), image)["grey"][..., 0], expected)
    with pytest.raises(ValueError, match="an image of 3 channels"):
        data.Grey().fields_after({"image": Field((8, 8, 1), np.uint8, "image")})


def test_edges_of_a_square_are_its_outline():
    image = np.full((40, 40, 3), 40, np.uint8)
    image[10:30, 10:30] = 220
    made = apply(data.Edges(), image)["edges"]
    assert made.shape == (40, 40, 1) and set(np.unique(made)) == {0, 255}
    rows, columns = np.nonzero(made[..., 0])
    # One pixel wide, around the step between 9 and 10 and between 29 and 30.
    distance = np.maximum(np.abs(rows - 19.5), np.abs(columns - 19.5))
    assert distance.min() > 8.4 and distance.max() < 11.6
    assert (made[20, :, 0] > 0).sum() == 2 and (made[:, 20, 0] > 0).sum() == 2
    assert not apply(data.Edges(), np.full((40, 40, 3), 90, np.uint8))["edges"].any()


def test_weak_edges_stay_where_they_join_strong_ones():
    ramp = np.zeros((30, 60))
    ramp[15:] = np.linspace(0.2, 1, 60)
    ramp[:4, :10] = 0.25
    found = canny(ramp, 1.0, 0.03, 0.2)
    # The long step is strong on its right alone, and followed to its weak left end; the weak square has no strong part.
    assert found[13:17, 2:].any(0).mean() > 0.9
    assert not found[:7, :14].any()
    assert canny(ramp, 1.0, 0.2, 0.2)[13:17, :20].sum() == 0


def test_a_class_s_captions_are_bytes_and_where_they_are():
    names = ("cat", "Käse")
    operation = data.ClassCaptions(names=names, forms=("{}", "a {}!"), length=8)
    fields = {"label": Field((), np.int32, "value", 2)}
    after = operation.fields_after(fields)
    example = operation(fields, {"label": np.int32(1)}, None)
    assert {name: (field.shape, field.dtype) for name, field in after.items() if name != "label"} == {
        name: (example[name].shape, example[name].dtype) for name in ("captions", "captions_mask")
    }
    texts = [bytes(row[there]).decode() for row, there in zip(example["captions"], example["captions_mask"])]
    assert texts == ["Käse", "a Käse!"]
    with pytest.raises(ValueError, match="2 names are up to 8 bytes, length=7"):
        data.ClassCaptions(names=names, forms=("{}", "a {}!"), length=7)
    with pytest.raises(ValueError, match="has 2 names, and 'label' has 3 classes"):
        operation.fields_after({"label": Field((), np.int32, "value", 3)})
    with pytest.raises(ValueError, match="would make a field 'captions', which there is already"):
        operation.fields_after({**after})
