"""Verbs of an experiment in two stages: each asks for, or tells of, the stage in question."""

import json
import logging
import os

import jax
import pytest

from jaxgan import recipes
from jaxgan.cli.main import main
from jaxgan.experiment.config_file import load
from jaxgan.experiment.mesh import experiment_mesh
from jaxgan.training.errors import UserError

CONFIG = "wgan_gp:ring8,smoke"


@pytest.fixture(autouse=True)
def unchanged(monkeypatch):
    """Puts back what main sets for its process."""
    monkeypatch.setenv("XLA_FLAGS", os.environ["XLA_FLAGS"])
    level = logging.getLogger("jaxgan").level
    yield
    logging.getLogger("jaxgan").setLevel(level)


@pytest.fixture(autouse=True)
def two(monkeypatch):
    """Every recipe as two stages: 'early' of 30 steps on half the batch, then its own as 'late'."""
    build = recipes.build

    def built(config):
        (late,) = build(config).stages
        half = jax.tree.map(lambda x: jax.ShapeDtypeStruct((x.shape[0] // 2, *x.shape[1:]), x.dtype), late.batch)
        early = late._replace(name="early", steps=30, batch=half, images_per_step=late.images_per_step // 2)
        return build(config)._replace(stages=(early, late._replace(name="late")))

    monkeypatch.setattr(recipes, "build", built)


def test_describe_tells_of_every_stage(capsys):
    assert main(["describe", f"--config={CONFIG}", "--json"]) == 0
    early, late = json.loads(capsys.readouterr().out)["stages"]
    assert (early["name"], early["steps"], late["name"]) == ("early", 30, "late")
    assert late["images_per_step"] == 2 * early["images_per_step"] and early["players"] == ["g", "d"]
    assert main(["describe", f"--config={CONFIG}"]) == 0
    out = capsys.readouterr().out
    assert "stage early: 30 steps of g, d; batch " in out and "stage late: " in out


@pytest.mark.slow
def test_a_plan_is_of_each_stage_and_of_their_sum_or_of_one(capsys):
    command = ["plan", f"--config={CONFIG}", "--topology", "h100:1", "--price=2"]
    assert main([*command, "--json"]) == 0
    early, late = json.loads(capsys.readouterr().out)
    assert (early["stage"], early["steps"], late["stage"]) == ("early", 30, "late")
    assert early["batch"] * 2 == late["batch"] and early["flops_per_device"] < late["flops_per_device"]
    assert early["whole_run"] == late["whole_run"]
    assert early["whole_run"]["steps"] == 30 + late["steps"]
    for key in ("hours", "chip_hours", "price"):
        assert early["whole_run"][key] == early["run"][key] + late["run"][key]
    assert main(command) == 0
    out = capsys.readouterr().out
    assert "h100:1 early" in out and f"h100:1, all stages: {30 + late['steps']:,} steps" in out

    assert main([*command, "--json", "--stage=late", "--steps=7"]) == 0
    (one,) = json.loads(capsys.readouterr().out)
    assert one["stage"] == "late" and one["steps"] == 7 and "whole_run" not in one
    assert main([*command, "--steps=7"]) == 1
    assert "the run has early, late: choose one with --stage=" in capsys.readouterr().err


def test_bench_asks_which_stage(capsys):
    assert main(["bench", "train", f"--config={CONFIG}"]) == 1
    assert "the experiment has several stages; choose --stage= from early, late" in capsys.readouterr().err


def test_a_mesh_must_divide_the_batch_of_every_stage():
    config = load(CONFIG)
    config.data.batch_size = 8
    experiment_mesh(config)
    with pytest.raises(UserError, match=r"the batch of stage early=4 cannot be split over .* 8 x 1 devices"):
        experiment_mesh(config, experiment=recipes.build(config))
