"""Opening a run in stages by folder and step: the stage, its averages, the frozen networks and the fingerprint."""

import importlib.util
import shutil
from pathlib import Path

import jax
import numpy as np
import pytest
from ml_collections import ConfigDict

from jaxgan.experiment.open_run import open_run
from jaxgan.parallel import make_mesh
from jaxgan.training.checkpoint import Checkpoints
from jaxgan.training.errors import UserError
from jaxgan.training.loop import train
from jaxgan.training.loop_options import LoopOptions
from jaxgan.training.workdir import claim_config

_SPEC = importlib.util.spec_from_file_location("two_stages", Path(__file__).parents[1] / "training" / "two_stages.py")
two_stages = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(two_stages)

CONFIG = {"recipe": "two_stages", "seed": 0}


def default_config(config):
    del config
    return ConfigDict(CONFIG)


def opened(workdir, **options):
    return open_run(
        str(workdir), build=lambda config: two_stages.experiment(), default_config=default_config, **options
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("run")
    claim_config(workdir, CONFIG)
    options = LoopOptions(save_every=3, log_every=1, progress=False)
    experiment = two_stages.experiment()
    seen = {"data": {"length": 9, "version": "1", "classes": ["cat", "dog"]}}
    stages = (experiment.stages[0], experiment.stages[1]._replace(data_identity=lambda: seen))
    outcome = train(
        experiment._replace(stages=stages),
        workdir=workdir,
        config=CONFIG,
        seed=0,
        mesh=make_mesh(devices=jax.devices()[:1]),
        options=options,
    )
    return workdir, outcome.state


def test_a_checkpoint_is_of_the_stage_that_made_it(run):
    workdir, state = run
    assert [opened(workdir, step=step).stage.name for step in (2, 3, 6)] == ["both", "taught", "taught"]
    last = opened(workdir)
    assert last.step == 6 and last.method is last.stage.method and last.ema
    assert last.class_names == ("cat", "dog") and opened(workdir, step=2).class_names is None
    jax.tree.map(np.testing.assert_array_equal, last.nets["g"], state.ema["g"])
    jax.tree.map(np.testing.assert_array_equal, last.nets["teacher"], two_stages.teacher()["teacher"])
    raw = opened(workdir, raw=True)
    jax.tree.map(np.testing.assert_array_equal, raw.nets["g"], state.nets["g"])
    assert not raw.ema


def test_a_fingerprint_names_a_run_and_a_step_and_pins_it(run):
    workdir, _ = run
    marks = {step: opened(workdir, step=step).fingerprint for step in (2, 6)}
    assert marks[2] != marks[6] == opened(workdir, expected=marks[6][:12]).fingerprint
    with pytest.raises(UserError, match=f"at step 6 has the fingerprint {marks[6][:12]}, not {marks[2][:12]}"):
        opened(workdir, expected=marks[2])


def test_another_run_is_another_runs_frozen_network(run):
    """As a recipe does it: the first run's G is the teacher of a second."""
    workdir, state = run

    def frozen():
        return {"teacher": opened(workdir, step=6).nets["g"]}

    second = two_stages.experiment(frozen=frozen)
    assert second.shapes().frozen["teacher"]["params"]["first"]["kernel"].shape == (16, 64)
    outcome = train(
        second,
        workdir=workdir / "second",
        config=CONFIG,
        seed=1,
        mesh=make_mesh(devices=jax.devices()[:2]),
        options=LoopOptions(save_every=6, log_every=6, progress=False),
    )
    jax.tree.map(np.testing.assert_array_equal, outcome.state.frozen["teacher"], state.ema["g"])


def test_a_run_of_another_version_is_said_to_be_one(tmp_path):
    claim_config(tmp_path, {"architecture": "biggan"})
    with pytest.raises(UserError, match=r"config.json names no recipe: the run was made by another version of"):
        opened(tmp_path)
    (tmp_path / "env.json").write_text('{"versions": {"jaxgan": "0.0.1"}}')
    claim_config(tmp_path, {"recipe": "two_stages", "seed": {"weights": 1}}, accept_change=True)

    def build(config):
        return config.generator

    with pytest.raises(UserError, match=r"cannot build the run's config: the run was made by jaxgan 0\.0\.1; open it"):
        open_run(str(tmp_path), build=build, default_config=default_config)
    claim_config(tmp_path, {"recipe": "two_stages", "regularizers": 3}, accept_change=True)
    with pytest.raises(UserError, match=r"is no config that this version knows: the run was made by jaxgan 0\.0\.1"):
        opened(tmp_path)


def test_networks_that_are_not_finite_are_not_opened(run, tmp_path):
    workdir, state = run
    shutil.copytree(workdir, tmp_path / "run")
    checkpoints = Checkpoints(tmp_path / "run", keep=9)
    meta = checkpoints.restore(state, 6)[1]
    wrong = jax.tree.map(lambda x: x * np.nan, state.ema["g"])
    checkpoints.save(state.replace(step=state.step + 1, ema=state.ema | {"g": wrong}), meta, wrong=lambda state: [])
    checkpoints.close()
    with pytest.raises(UserError, match=r"at step 7: \d+ arrays of the networks hold NaN .* with --step"):
        opened(tmp_path / "run")
    assert opened(tmp_path / "run", step=6).step == 6
