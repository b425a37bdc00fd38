"""Runs of IMLE: assignments between steps, killed and gone on, and examples that are not as many as said."""

import os
import signal
import subprocess
import sys

import jax
import numpy as np
import pytest

from jaxgan.cli.main import main
from jaxgan.cli.run import open_run
from jaxgan.training.checkpoint import Checkpoints

FLAGS = ["--config=imle:small,smoke", "--config.training.save_every=1", "--no_progress"]


def kept(workdir, step):
    """The latents that the checkpoint of a step assigns to the 1,438 examples."""
    checkpoints = Checkpoints(workdir, read_only=True)
    experiment = open_run(str(workdir)).experiment
    zeros = jax.tree.map(lambda x: jax.device_put(np.zeros(x.shape, x.dtype)), experiment.shapes())
    state, _ = checkpoints.restore(zeros.replace(frozen=jax.device_put(experiment.frozen())), step)
    checkpoints.close()
    return np.asarray(state.extra["by_row"]["z"])[:1438]


@pytest.mark.slow
def test_samples_are_assigned_between_steps_and_a_killed_run_ends_as_another(tmp_path, assert_same_end):
    flags = [*FLAGS, "--config.training.steps=5", "--config.imle.every_steps=2"]

    def train(name, **environment):
        command = [sys.executable, "-m", "jaxgan", "train", *flags, f"--workdir={tmp_path / name}"]
        command += ["--config.training.keep=9"]
        return subprocess.run(command, env=os.environ | environment, capture_output=True, timeout=600).returncode

    assert train("whole") == 0
    codes = [train("killed", JAXGAN_FAULT="kill@1,kill@2,kill@4") for _ in range(4)]
    assert codes == [-signal.SIGKILL] * 3 + [0]
    assert_same_end(tmp_path / "whole", tmp_path / "killed", 5)
    found = {step: kept(tmp_path / "whole", step) for step in range(1, 6)}
    assert (np.abs(found[1]).max(1) > 0).all()
    np.testing.assert_array_equal(found[1], found[2])
    np.testing.assert_array_equal(found[3], found[4])
    assert (found[2] != found[3]).any() and (found[4] != found[5]).any()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            ["--config.imle.examples=1000"],
            "imle.examples=1,000, and digits/train has 1,438: set --config.imle.examples=",
        ),
        (
            ["--config.imle.every_steps=3", "--config.training.steps_per_dispatch=2", "--config.training.save_every=2"],
            "training.steps_per_dispatch=2: the method prepares its state before every 3 steps",
        ),
    ],
)
def test_what_cannot_be_is_said(tmp_path, capsys, changes, message):
    assert main(["train", *FLAGS, f"--workdir={tmp_path / 'run'}", *changes]) == 1
    assert message in capsys.readouterr().err
