"""Experiments that translate images: label maps and the classes that a recipe was built for."""

import numpy as np
import pytest
from PIL import Image

from jaxgan import recipes
from jaxgan.experiment.config_file import load
from jaxgan.training.errors import UserError


@pytest.fixture
def folder(tmp_path):
    """Eight pairs, of which the sixth map has an id of 30."""
    for number in range(8):
        ids = np.full((32, 32), 30 if number == 5 else 3, np.uint8)
        for side, pixels in (("photos", ids[..., None].repeat(3, -1)), ("maps", ids)):
            (tmp_path / "train" / side).mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(tmp_path / "train" / side / f"{number}.png")
    return tmp_path


def stage(folder, *overrides):
    given = [("data.name", f"pairs:{folder}"), ("data.image_size", "32,32"), ("data.batch_size", "1")]
    return recipes.build(load("spade", [*given, *overrides])).stages[0]


@pytest.mark.parametrize("in_memory", ["true", "false"])
def test_an_id_without_a_class_is_named_at_the_start(folder, in_memory):
    with pytest.raises(ValueError, match=r"maps/5\.png holds the id 30, but the field has 12 classes"):
        stage(folder, ("data.in_memory", in_memory)).data_identity()
    unchecked = stage(folder, ("data.in_memory", in_memory), ("data.fields.label_map.classes", "0"))
    assert next(unchecked.data(0))["label_map"].shape == (1, 32, 32, 1)


def test_maps_of_more_classes_than_the_network_takes_are_refused(folder):
    with pytest.raises(
        UserError, match=r"label_map has 35 classes \(data.fields.label_map.classes.*takes 12 \(translation.classes\)"
    ):
        next(stage(folder, ("data.fields.label_map.classes", "35")).data(0))
    both = stage(folder, ("data.fields.label_map.classes", "35"), ("translation.classes", "35"))
    assert next(both.data(0))["label_map"].max() in (3, 30)
