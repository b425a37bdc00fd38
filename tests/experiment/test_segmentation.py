"""The segmentation score: maps that are drawn as colours are read back as ids."""

import jax.numpy as jnp
import ml_collections
import numpy as np
import pytest
from PIL import Image

from jaxgan.data.palette import palette
from jaxgan.experiment.open_split import open_split
from jaxgan.experiment.segmentation import segmentation_evaluator
from jaxgan.parallel import make_mesh
from jaxgan.training.errors import UserError
from jaxgan.training.method import Method

CLASSES = 4


class Copied(Method):
    """Draws its input, or the first class, which is black, everywhere."""

    conditions = ("image",)

    def __init__(self, flat=False):
        self.flat = flat

    def sample(self, nets, batch, rng):
        shown = jnp.zeros_like(batch["image"]) if self.flat else batch["image"]
        return {"image": shown.astype(jnp.float32) / 127.5 - 1}


@pytest.fixture
def config(tmp_path):
    """Photos that are the colours of their maps, in which each class has a quarter."""
    ids = np.repeat(np.arange(CLASSES, dtype=np.uint8), 4)[None].repeat(16, 0)
    for number in range(3):
        shown = np.roll(ids, number, axis=1)
        for side, pixels in (("photos", palette()[shown]), ("maps", shown)):
            (tmp_path / "test" / side).mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(tmp_path / "test" / side / f"{number}.png")
    fields = {"image": "photos", "label_map": {"key": "maps", "kind": "map", "classes": CLASSES}}
    data = {"name": f"pairs:{tmp_path}", "split": "test", "test_split": "test", "data_dir": None, "channels": 3}
    data |= {"image_size": (16, 16), "fields": fields, "test_augment": ({"op": "colours", "field": "label_map"},)}
    evaluation = {"batch_norm": "running", "batch_size": 2, "reference_split": None, "every_steps": 0}
    segmentation = {"steps": 1, "batch_size": 1, "ch": 8, "learning_rate": 1e-3, "ignore": None}
    sections = {"data": data, "evaluation": evaluation, "segmentation": segmentation}
    return ml_collections.ConfigDict({"recipe": "copied", "seed": 0, **sections}, type_safe=False)


def evaluator(config, method, target="colours"):
    given = {"source": "image", "target": target, "classes": 0}
    return segmentation_evaluator(
        method, config, lambda split: open_split(config, split), given, mesh=make_mesh(), ema=False
    )


def test_maps_in_colours_are_read_back(config):
    right = evaluator(config, Copied()).run({}, 7)
    assert {name: found.value for name, found in right.items()} == {
        "eval/pixel_accuracy": 1,
        "eval/class_accuracy": 1,
        "eval/mean_iou": 1,
    }
    stamp = right["eval/mean_iou"].stamp
    assert (stamp["resolution"], stamp["num_images"], stamp["step"]) == ([16, 16, 3], 3, 7)
    # One class everywhere is right in a quarter of the pixels, which it overlaps by a quarter.
    flat = evaluator(config, Copied(flat=True)).run({}, 7)
    assert [flat[f"eval/{name}"].value for name in ("pixel_accuracy", "class_accuracy", "mean_iou")] == [
        pytest.approx(1 / 4),
        pytest.approx(1 / 4),
        pytest.approx(1 / 16),
    ]


def test_without_a_map_there_is_no_such_score(config):
    with pytest.raises(UserError, match="the score needs a label map with a number of classes"):
        evaluator(config, Copied(), target="image")
