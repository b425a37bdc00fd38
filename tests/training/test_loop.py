import json
import os
import shutil
import signal

import jax
import numpy as np
import pytest

from jaxgan.parallel import make_mesh
from jaxgan.training.errors import UserError
from jaxgan.training.logging import read_metrics
from jaxgan.training.loop import LoopOptions, train
from jaxgan.training.method import Evaluator

OPTIONS = LoopOptions(save_every=3, log_every=1, progress=False)


def go(experiment, workdir, options=OPTIONS):
    return train(
        experiment,
        workdir=workdir,
        config={"seed": 0},
        seed=0,
        mesh=make_mesh(devices=jax.devices()[:2]),
        options=options,
    )


def assert_same(a, b):
    jax.tree.map(np.testing.assert_array_equal, a, b)


def checkpoint_steps(workdir):
    return sorted(int(p.name) for p in (workdir / "checkpoints").iterdir())


def killer(step):
    """An evaluator that has the process asked to stop after ``step``."""

    def run(nets, at):
        if at == step:
            os.kill(os.getpid(), signal.SIGTERM)
        return {}

    return Evaluator("killer", run, 1)


def scores(nets, step):
    return {"eval/score": float(step) / 2, "eval/bias": float(nets["g"]["params"]["last"]["bias"][0])}


@pytest.fixture(scope="module")
def methods(toy):
    """Two, so that two stages differ."""
    return toy.Method(), toy.Method(target=-1.0)


@pytest.fixture(scope="module")
def whole(toy, methods, tmp_path_factory):
    """Six steps of one stage, undisturbed."""
    workdir = tmp_path_factory.mktemp("whole")
    experiment = toy.experiment((methods[0], 6), evaluators=[Evaluator("scores", scores, 4)])
    return go(experiment, workdir), workdir


@pytest.fixture(scope="module")
def staged(toy, methods, tmp_path_factory):
    """Two steps under one method, then four under another, undisturbed."""
    workdir = tmp_path_factory.mktemp("staged")
    return go(toy.experiment((methods[0], 2), (methods[1], 4)), workdir), workdir


def test_a_run_counts_saves_and_logs_each_step_once(whole):
    outcome, workdir = whole
    assert outcome.stopped_by is None and int(outcome.state.step) == 6
    assert checkpoint_steps(workdir) == [3, 6]
    records = read_metrics(workdir / "metrics.jsonl")
    assert [r["step"] for r in records] == [1, 2, 3, 4, 5, 6]
    assert {"d/loss", "g/loss", "g/grad_norm", "perf/images_per_second", "perf/data_wait_share"} <= records[0].keys()


def test_scores_join_the_steps_own_record_and_see_averages(whole):
    outcome, workdir = whole
    records = read_metrics(workdir / "metrics.jsonl")
    # Every fourth step, and the last.
    assert [r["step"] for r in records if "eval/score" in r] == [4, 6]
    assert records[3]["eval/score"] == 2.0 and "d/loss" in records[3]
    bias = np.asarray(outcome.state.ema["g"]["params"]["last"]["bias"][0])
    assert records[5]["eval/bias"] == bias != np.asarray(outcome.state.nets["g"]["params"]["last"]["bias"][0])


def test_metadata_names_the_seed_and_the_datas_position(whole):
    _, workdir = whole
    meta = json.loads((workdir / "checkpoints" / "6" / "meta" / "metadata").read_text())
    assert meta["seed"] == 0 and meta["data"] == {"position": 6}
    assert len(meta["config"]) == 64 and meta["rng"]["impl"]


def test_stopped_by_a_signal_and_started_again_it_ends_in_the_same_state(toy, methods, whole, tmp_path):
    before = signal.getsignal(signal.SIGTERM)
    outcome = go(toy.experiment((methods[0], 6), evaluators=[killer(3)]), tmp_path)
    # The handler runs at the end of step 3; step 4 is the first to see the request.
    assert outcome.stopped_by == signal.SIGTERM
    assert int(outcome.state.step) == 4 and checkpoint_steps(tmp_path) == [3, 4]
    assert signal.getsignal(signal.SIGTERM) is before
    again = go(toy.experiment((methods[0], 6)), tmp_path)
    assert again.stopped_by is None
    assert_same(again.state, whole[0].state)
    assert checkpoint_steps(tmp_path) == [4, 6]
    mine, theirs = (read_metrics(w / "metrics.jsonl") for w in (tmp_path, whole[1]))
    assert [r["step"] for r in mine] == [1, 2, 3, 4, 5, 6]
    for a, b in zip(mine, theirs, strict=True):
        assert all(a[k] == b[k] for k in a if not k.startswith("perf/"))


def test_killed_without_a_save_it_goes_on_from_the_last_checkpoint(toy, methods, whole, tmp_path):
    shutil.copytree(whole[1], tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "checkpoints" / "6")
    again = go(toy.experiment((methods[0], 6)), tmp_path / "run")
    assert_same(again.state, whole[0].state)
    assert [r["step"] for r in read_metrics(tmp_path / "run" / "metrics.jsonl")] == [1, 2, 3, 4, 5, 6]


def test_stages_move_one_state_in_turn_and_are_entered_once(staged):
    outcome, workdir = staged
    assert int(outcome.state.step) == 6 and int(outcome.state.extra["entered"]) == 2
    assert [r["step"] for r in read_metrics(workdir / "metrics.jsonl")] == [1, 2, 3, 4, 5, 6]
    # One optimiser state all through.
    assert int(outcome.state.opt["d"][0].count) == 6


@pytest.mark.parametrize("step", [1, 3])
def test_a_restart_inside_a_stage_does_not_enter_it_again(toy, methods, staged, tmp_path, step):
    plan = (methods[0], 2), (methods[1], 4)
    stopped = go(toy.experiment(*plan, evaluators=[killer(step)]), tmp_path)
    # Asked at step 1, it stops where stage 1 ends; the next stage is not entered yet.
    assert (stopped.stopped_by, int(stopped.state.step)) == (signal.SIGTERM, step + 1)
    assert int(stopped.state.extra["entered"]) == (1 if step == 1 else 2)
    again = go(toy.experiment(*plan), tmp_path)
    assert_same(again.state, staged[0].state)


def test_several_steps_a_dispatch_log_and_save_the_same_steps(toy, methods, whole, tmp_path):
    options = LoopOptions(save_every=3, log_every=2, steps_per_dispatch=3, progress=False)
    outcome = go(toy.experiment((methods[0], 6)), tmp_path, options)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), outcome.state, whole[0].state)
    assert checkpoint_steps(tmp_path) == [3, 6]
    records = read_metrics(tmp_path / "metrics.jsonl")
    assert [r["step"] for r in records] == [2, 4, 6]
    expected = {r["step"]: r["noise"] for r in read_metrics(whole[1] / "metrics.jsonl")}
    np.testing.assert_allclose([r["noise"] for r in records], [expected[s] for s in (2, 4, 6)], rtol=1e-4)


def test_divergence_is_the_users_error_and_is_not_saved(toy, tmp_path):
    with pytest.raises(UserError, match="g/loss not finite at step 5"):
        go(toy.experiment((toy.Method(diverges_at=4), 6)), tmp_path)
    assert checkpoint_steps(tmp_path) == [3]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"log_every": 0}, "training.log_every=0 must be at least 1"),
        ({"save_every": -1}, "training.save_every=-1 must be at least 1"),
        ({"save_every": 4, "steps_per_dispatch": 3}, "training.save_every=4 is no multiple of .*steps_per_dispatch=3"),
        ({"save_every": 4, "steps_per_dispatch": 4}, "steps of stage stage 0=6 is no multiple"),
        ({"steps_per_dispatch": 3}, "every_steps of scores=4 is no multiple"),
    ],
)
def test_wrong_intervals_are_told_before_anything_is_made(toy, methods, tmp_path, changes, message):
    options = LoopOptions(**{"save_every": 3, "log_every": 1, **changes}, progress=False)
    experiment = toy.experiment((methods[0], 6), evaluators=[Evaluator("scores", scores, 4)])
    with pytest.raises(UserError, match=message):
        go(experiment, tmp_path / "run", options)
    assert not (tmp_path / "run").exists()
