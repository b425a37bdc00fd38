"""Epochs as steps of the data at hand."""

import numpy as np
import pytest
from PIL import Image

from jaxgan.experiment.config_file import load
from jaxgan.experiment.epochs import in_steps, steps_of_epochs
from jaxgan.training.errors import UserError


def test_steps_are_rounded_up():
    assert steps_of_epochs(2, 10, 4) == 5 and steps_of_epochs(1, 3, 8) == 1 and steps_of_epochs(0.5, 10, 1) == 5
    with pytest.raises(UserError, match="epochs=0 of 10 examples"):
        steps_of_epochs(0, 10, 1)


def test_a_config_s_epochs_are_written_out(tmp_path):
    for number in range(10):
        Image.fromarray(np.zeros((4, 8, 3), np.uint8)).save(tmp_path / f"{number}.png")
    config = load("pix2pix", [("data.name", f"pairs:{tmp_path}"), ("data.batch_size", "2")])
    assert (config.epochs.constant, config.epochs.decay) == (100, 100)
    made = in_steps(config)
    # One of ten pairs is held out.
    assert made.training.steps == 900
    for player in ("g", "d"):
        section = made.optimizer[player]
        assert (section.schedule, section.hold_steps, section.decay_steps) == ("linear", 450, 450)
    assert in_steps(made) == made and config.epochs.constant == 100
    steady = in_steps(load("pix2pix", [("data.name", f"pairs:{tmp_path}"), ("epochs.decay", "0")]))
    assert (steady.training.steps, steady.optimizer.g.hold_steps, steady.optimizer.g.decay_steps) == (900, 0, 0)


def test_an_epoch_of_two_domains_is_the_larger_set(tmp_path):
    for split, count in (("trainA", 3), ("trainB", 5), ("testA", 1), ("testB", 1)):
        (tmp_path / split).mkdir()
        for number in range(count):
            Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(tmp_path / split / f"{number}.png")
    assert in_steps(load("cyclegan", [("data.name", f"domains:{tmp_path}")])).training.steps == 1_000


def test_data_that_is_not_there_is_named_with_what_to_do():
    config = load("pix2pix", [("data.name", "pairs:/nowhere")])
    with pytest.raises(UserError, match=r"epochs of 100 \+ 100 are steps .*/nowhere.*--config.training.steps=N"):
        in_steps(config)
    other = load("gan:grid25")
    assert in_steps(other) is other


def test_each_phase_of_pix2pixhd_has_epochs_of_its_own(tmp_path):
    for number in range(10):
        Image.fromarray(np.zeros((4, 8, 3), np.uint8)).save(tmp_path / f"{number}.png")
    made = in_steps(load("pix2pixhd", [("data.name", f"pairs:{tmp_path}"), ("data.test_share", "0")]))
    assert (made.phases.global_steps, made.phases.global_decay_steps, made.phases.enhancer_steps) == (2_000, 1_000, 100)
    assert made.training.steps == 900
    assert [(player.hold_steps, player.decay_steps) for player in made.optimizer.values()] == [(400, 500)] * 2
    assert in_steps(made) == made
    with pytest.raises(UserError, match=r"--config.epochs.global_constant=0 .*--config.training.steps=N"):
        in_steps(load("pix2pixhd", [("data.name", "pairs:/nowhere")]))
