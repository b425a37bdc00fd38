"""Stages and averages of the sections that every recipe's config has."""

import numpy as np
import pytest
from PIL import Image

from jaxgan.data import Field
from jaxgan.experiment.common import average_of, base_config, data_stage
from jaxgan.experiment.open_split import open_split
from jaxgan.training.errors import UserError
from jaxgan.training.method import Method


class Averaged(Method):
    averaged = ("g",)


@pytest.fixture
def config(tmp_path):
    for number in range(3):
        Image.fromarray(np.full((4, 8, 3), number, np.uint8)).save(tmp_path / f"{number}.png")
    made = base_config("mine.paired", ("g",))
    made.data.update(name=f"pairs:{tmp_path}", image_size=(4, 4), batch_size=2, augment=("flip",))
    return made


def stage_of(config, *names, **options):
    fields = {name: Field((4, 4, 3), np.uint8, "image") for name in names}
    source = lambda: open_split(config, "train", training=True)  # noqa: E731
    return data_stage(config, Method(), fields=fields, open_dataset=source, **options)


def test_a_stage_has_the_batches_that_it_says(config):
    stage = stage_of(config, "image_A", "image_B", updates=2, steps=7)
    batch = next(stage.data(0))
    assert {k: (v.shape, v.dtype) for k, v in batch.items()} == {k: (x.shape, x.dtype) for k, x in stage.batch.items()}
    assert (stage.name, stage.steps, stage.images_per_step, stage.ema) == ("paired", 7, 2, None)
    with pytest.raises(
        UserError, match=r"gives batches of image_A uint8\[4, 4, 3\], image_B .*; the recipe takes image_A .*, image_C"
    ):
        next(stage_of(config, "image_A", "image_C").data(0))
    with pytest.raises(UserError, match=r"the recipe takes image_A .*, image_C"):
        stage_of(config, "image_A", "image_C").check_data()
    stage.check_data()
    # Fields that the recipe does not take are left out.
    assert next(stage_of(config, "image_A").data(0)).keys() == {"image_A"}


def test_fields_of_held_out_examples(config):
    config.data.test_augment = ({"op": "grey", "field": "image_A", "output": "grey"},)
    assert open_split(config, "train").fields.keys() == {"image_A", "image_B", "grey"}
    assert open_split(config, "train", training=True).fields.keys() == {"image_A", "image_B"}


def test_averages_are_those_that_the_method_declares(config):
    assert average_of(config, Method(), 2) is None
    config.ema.update(half_life_images=20, buffers="copy")
    made = average_of(config, Averaged(), 10)
    assert (made.nets, made.decay, made.buffers) == (("g",), 0.5**0.5, "copy")
