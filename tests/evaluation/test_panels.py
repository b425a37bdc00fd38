import jax
import numpy as np
import pytest

from jaxgan.evaluation.inputs import SampleInputs
from jaxgan.evaluation.panels import GAP, as_pictures, palette, panel_grid, panels, sample_panels
from jaxgan.parallel import make_mesh
from jaxgan.training.errors import UserError


def test_the_palette_is_pascal_voc_s():
    colours = palette()
    # Background, aeroplane, bicycle, bird, ..., potted plant, ..., and void, as its devkit prints them.
    assert colours[[0, 1, 2, 3, 8, 20, 255]].tolist() == [
        [0, 0, 0],
        [128, 0, 0],
        [0, 128, 0],
        [128, 128, 0],
        [64, 0, 0],
        [0, 64, 128],
        [224, 224, 192],
    ]
    assert len(np.unique(colours, axis=0)) == 256


def test_arrays_of_each_kind_become_pictures():
    draw = np.random.default_rng(0)
    grey = draw.integers(0, 256, (2, 3, 4, 1)).astype(np.uint8)
    np.testing.assert_array_equal(as_pictures(grey), np.repeat(grey, 3, axis=-1))
    levels = np.array([-2, -1, 0, 1, 3], np.float32).reshape(1, 1, 5, 1)
    assert as_pictures(levels)[0, 0, :, 0].tolist() == [0, 0, 128, 255, 255]
    classes = draw.integers(0, 20, (2, 3, 4))
    for array, is_map in ((classes, False), (classes[..., None], False), (classes.astype(np.uint8), True)):
        np.testing.assert_array_equal(as_pictures(array, is_map=is_map), palette()[classes])
    clip = draw.integers(0, 256, (2, 5, 3, 4, 3)).astype(np.uint8)
    strip = as_pictures(clip)
    assert strip.shape == (2, 3, 20, 3)
    np.testing.assert_array_equal(strip[1, :, 8:12], clip[1, 2])
    with pytest.raises(ValueError, match=r"1 or 3 channels, uint8 or float, got uint8 \[2, 3, 4, 2\]"):
        as_pictures(np.zeros((2, 3, 4, 2), np.uint8))


def test_a_row_lays_pictures_of_any_height_side_by_side():
    low, high = np.full((2, 2, 3, 1), 10, np.uint8), np.full((2, 4, 6, 3), 200, np.uint8)
    rows = panels({"low": low, "high": high}, ["high", "low"])
    assert rows.shape == (2, 4, 6 + GAP + 6, 3)
    assert (
        (rows[:, :, :6] == 200).all() and (rows[:, :, 6 : 6 + GAP] == 255).all() and (rows[:, :, 6 + GAP :] == 10).all()
    )
    assert panel_grid(rows).shape == (4 + GAP + 4, 12 + GAP, 3)
    with pytest.raises(UserError, match="no panel 'target'; there are high, low"):
        panels({"low": low, "high": high}, ["target"])
    with pytest.raises(UserError, match="panel 'flat': pictures have 1 or 3 channels"):
        panels({"flat": np.zeros((2, 3), np.float32)}, ["flat"])


class Inverted:
    """Draws the negative of its condition."""

    conditions, latent_shapes, options, num_classes = ("map",), None, {}, 0

    def sample(self, nets, batch, rng):
        return {"image": -(batch["map"][..., None] / 127.5 - 1)}


def test_panels_of_samples_are_input_output_target():
    maps = np.arange(5)[:, None, None] * np.ones((1, 2, 2), int)
    truth = np.full((5, 2, 2, 3), 7, np.uint8)
    rows = sample_panels(
        Inverted(),
        {},
        SampleInputs(5, lambda i: {"map": maps[i].astype(np.int32)}),
        target=lambda i: truth[i],
        rng=jax.random.key(0),
        mesh=make_mesh(),
    )
    assert rows.shape == (5, 2, 3 * 2 + 2 * GAP, 3)
    np.testing.assert_array_equal(rows[:, :, :2], palette()[maps])
    np.testing.assert_array_equal(rows[:, 0, 2 + GAP, 0], 255 - np.arange(5))
    assert (rows[:, :, -2:] == 7).all()


def test_an_input_of_an_output_s_name_is_told_from_it():
    class Darker:
        latent_shapes = None
        options = {}  # noqa: RUF012
        conditions = ("image",)

        def sample(self, nets, batch, rng):
            return {"image": batch["image"] / 127.5 - 1 - 2 / 255}

    given = np.full((3, 2, 2, 3), 9, np.uint8)
    inputs = SampleInputs(3, lambda i: {"image": given[i]})
    rows = sample_panels(Darker(), {}, inputs, rng=jax.random.key(0), mesh=make_mesh())
    assert (rows[:, :, :2] == 9).all() and (rows[:, :, -2:] == 8).all()
    only = sample_panels(Darker(), {}, inputs, ["input_image"], rng=jax.random.key(0), mesh=make_mesh())
    np.testing.assert_array_equal(only, given)
