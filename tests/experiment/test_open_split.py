"""A split of a config's data: the share of a folder that is held out."""

import numpy as np
import pytest
from PIL import Image

from jaxgan.experiment.common import base_config
from jaxgan.experiment.open_split import open_split


def config_of(name, **data):
    config = base_config("gan", ("d", "g"))
    with config.unlocked():
        config.data.update(dict(name=name, image_size=(4, 4), channels=1, **data))
    return config


def test_a_share_of_a_folder_is_held_out(tmp_path):
    (tmp_path / "cat").mkdir()
    for index in range(10):
        Image.fromarray(np.full((4, 4), index, np.uint8)).save(tmp_path / "cat" / f"{index}.png")
    config = config_of(f"folder:{tmp_path}")
    assert config.data.test_share == 0 and open_split(config, "train").length == 10
    with pytest.raises(ValueError, match=r"has no split 'test'.*--config\.data\.test_share=0\.1"):
        open_split(config, "test")
    shared = config_of(f"folder:{tmp_path}", test_share=0.3)
    train, test = (open_split(shared, split) for split in ("train", "test"))
    seen = [set(s.fetch(np.arange(s.length))["image"][:, 0, 0, 0].tolist()) for s in (train, test)]
    assert (train.length, test.length) == (7, 3) and not seen[0] & seen[1]
    with pytest.raises(
        ValueError, match=r"digits has its own splits; only .folder:PATH. and .pairs:DIR. take a test_share, got 0\.3"
    ):
        open_split(config_of("digits", test_share=0.3), "train")
