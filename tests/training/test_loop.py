import dataclasses
import errno
import gc
import json
import os
import shutil
import signal
import time

import jax
import numpy as np
import orbax.checkpoint as ocp
import pytest

from jaxgan.parallel import make_mesh
from jaxgan.training.checkpoint import Checkpoints
from jaxgan.training.errors import UserError
from jaxgan.training.goodput import summary
from jaxgan.training.loop import train
from jaxgan.training.loop_options import LoopOptions
from jaxgan.training.method import Evaluator, FailedScore, Score
from jaxgan.training.pending import Pending
from jaxgan.training.preemption import StopRequest
from jaxgan.training.records import read_records

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


@pytest.fixture
def killed_at(monkeypatch):
    """Has the process asked to stop in the n-th step of its run."""

    def arrange(step):
        class Killed(StopRequest):
            asked = 0

            def due(self):
                self.asked += 1
                if self.asked == step:
                    os.kill(os.getpid(), signal.SIGTERM)
                return super().due()

        monkeypatch.setattr("jaxgan.training.loop.StopRequest", Killed)
        return monkeypatch

    return arrange


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
    # Saved before it is scored, too.
    assert checkpoint_steps(workdir) == [4, 6]
    records = read_records(workdir / "metrics.jsonl")
    assert [r["step"] for r in records] == [1, 2, 3, 4, 5, 6]
    assert {"d/loss", "g/loss", "g/grad_norm", "perf/images_per_second", "perf/data_wait_share"} <= records[0].keys()


def test_scores_join_the_steps_own_record_and_see_averages(whole):
    outcome, workdir = whole
    records = read_records(workdir / "metrics.jsonl")
    # Every fourth step, and the last.
    assert [r["step"] for r in records if "eval/score" in r] == [4, 6]
    assert records[3]["eval/score"] == 2.0 and "d/loss" in records[3]
    bias = np.asarray(outcome.state.ema["g"]["params"]["last"]["bias"][0])
    assert records[5]["eval/bias"] == bias != np.asarray(outcome.state.nets["g"]["params"]["last"]["bias"][0])


def test_metadata_names_the_seed_and_the_datas_position(whole):
    _, workdir = whole
    meta = json.loads((workdir / "checkpoints" / "6" / "meta" / "metadata").read_text())
    assert meta["seed"] == 0 and meta["data"] == {"position": 6, "sets": {}}
    assert len(meta["config"]) == 64 and meta["rng"]["impl"]


def test_stopped_by_a_signal_and_started_again_it_ends_in_the_same_state(toy, methods, whole, tmp_path, killed_at):
    before = signal.getsignal(signal.SIGTERM)
    patch = killed_at(4)
    outcome = go(toy.experiment((methods[0], 6)), tmp_path)
    patch.undo()
    assert outcome.stopped_by == signal.SIGTERM
    assert int(outcome.state.step) == 4 and checkpoint_steps(tmp_path) == [3, 4]
    assert signal.getsignal(signal.SIGTERM) is before
    again = go(toy.experiment((methods[0], 6)), tmp_path)
    assert again.stopped_by is None
    assert_same(again.state, whole[0].state)
    assert checkpoint_steps(tmp_path) == [4, 6]
    mine, theirs = (read_records(w / "metrics.jsonl") for w in (tmp_path, whole[1]))
    assert [r["step"] for r in mine] == [1, 2, 3, 4, 5, 6]
    for a, b in zip(mine, theirs, strict=True):
        assert all(a[k] == b[k] for k in a if not k.startswith("perf/"))


def test_killed_without_a_save_it_goes_on_from_the_last_checkpoint(toy, methods, whole, tmp_path):
    shutil.copytree(whole[1], tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "checkpoints" / "6")
    again = go(toy.experiment((methods[0], 6)), tmp_path / "run")
    assert_same(again.state, whole[0].state)
    assert [r["step"] for r in read_records(tmp_path / "run" / "metrics.jsonl")] == [1, 2, 3, 4, 5, 6]


def test_stages_move_one_state_in_turn_and_are_entered_once(staged):
    outcome, workdir = staged
    assert int(outcome.state.step) == 6 and int(outcome.state.extra["entered"]) == 2
    assert [r["step"] for r in read_records(workdir / "metrics.jsonl")] == [1, 2, 3, 4, 5, 6]
    # One optimiser state all through.
    assert int(outcome.state.opt["d"][0].count) == 6


@pytest.mark.parametrize("step", [2, 4])
def test_a_restart_inside_a_stage_does_not_enter_it_again(toy, methods, staged, tmp_path, killed_at, step):
    plan = (methods[0], 2), (methods[1], 4)
    patch = killed_at(step)
    stopped = go(toy.experiment(*plan), tmp_path)
    # Where stage 1 ends, the next stage is not entered yet.
    assert (stopped.stopped_by, int(stopped.state.step)) == (signal.SIGTERM, step)
    assert int(stopped.state.extra["entered"]) == (1 if step == 2 else 2)
    patch.undo()
    again = go(toy.experiment(*plan), tmp_path)
    assert_same(again.state, staged[0].state)


@pytest.mark.slow
def test_several_steps_a_dispatch_log_and_save_the_same_steps(toy, methods, whole, tmp_path):
    options = LoopOptions(save_every=3, log_every=2, steps_per_dispatch=3, progress=False)
    outcome = go(toy.experiment((methods[0], 6)), tmp_path, options)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), outcome.state, whole[0].state)
    assert checkpoint_steps(tmp_path) == [3, 6]
    records = read_records(tmp_path / "metrics.jsonl")
    assert [r["step"] for r in records] == [2, 4, 6]
    expected = {r["step"]: r["noise"] for r in read_records(whole[1] / "metrics.jsonl")}
    np.testing.assert_allclose([r["noise"] for r in records], [expected[s] for s in (2, 4, 6)], rtol=1e-4)


def test_divergence_is_the_users_error_and_is_not_saved(toy, tmp_path):
    with pytest.raises(UserError, match="g/loss not finite at step 5"):
        go(toy.experiment((toy.Method(diverges_at=4), 6)), tmp_path)
    assert checkpoint_steps(tmp_path) == [3]


def test_a_rollback_goes_on_from_the_last_good_state_with_other_draws(toy, tmp_path):
    options = dataclasses.replace(OPTIONS, on_nonfinite="rollback", max_rollbacks=2)
    # This one diverges whatever is drawn, so that it stops in the end.
    with pytest.raises(UserError, match="diverged after 2 rollbacks: g/loss not finite at step 5"):
        go(toy.experiment((toy.Method(diverges_at=4), 6)), tmp_path, options)
    noise = {r["step"]: r["noise"] for r in read_records(tmp_path / "metrics.jsonl")}
    plain = {r["step"]: r["noise"] for r in _noise_of(toy, tmp_path / "plain")}
    assert noise[3] == plain[3] and noise[4] != plain[4]
    assert checkpoint_steps(tmp_path) == [3]


@pytest.mark.parametrize(("log_every", "said"), [(1, "not finite at step 5"), (100, "arrays hold NaN .* at step 6")])
def test_networks_that_become_nan_end_a_run_and_are_not_saved(toy, methods, tmp_path, monkeypatch, log_every, said):
    """Without a record in between, the state is looked at before it is saved."""
    monkeypatch.setenv("JAXGAN_FAULT", "nan@4")
    with pytest.raises(UserError, match=said):
        go(toy.experiment((methods[0], 6)), tmp_path, dataclasses.replace(OPTIONS, log_every=log_every))
    assert checkpoint_steps(tmp_path) == [3]


def test_networks_that_become_nan_are_rolled_back_once(toy, methods, tmp_path, monkeypatch):
    monkeypatch.setenv("JAXGAN_FAULT", "nan@4")
    outcome = go(toy.experiment((methods[0], 6)), tmp_path, dataclasses.replace(OPTIONS, on_nonfinite="rollback"))
    assert int(outcome.state.step) == 6 and checkpoint_steps(tmp_path) == [3, 6]
    records = read_records(tmp_path / "metrics.jsonl")
    assert [r["step"] for r in records] == [1, 2, 3, 4, 5, 6] and all(r["d/loss"] is not None for r in records)
    meta = json.loads((tmp_path / "checkpoints" / "6" / "meta" / "metadata").read_text())
    assert meta["rollbacks"] == 1
    assert [r["part"] for r in read_records(tmp_path / "goodput.jsonl")][-1] == 2 and summary(tmp_path)["wasted"] > 0


def test_a_stage_that_is_entered_again_after_a_rollback_draws_anew(toy, methods, tmp_path, monkeypatch):
    class Draws(toy.Method):
        def begin_stage(self, state, batch, rng):
            return state.replace(extra={"entered": jax.random.randint(rng, (), 3, 2**30)})

    experiment = toy.experiment((methods[0], 2), (Draws(), 4))
    plain = go(experiment, tmp_path / "plain").state
    monkeypatch.setenv("JAXGAN_FAULT", "nan@4")
    options = dataclasses.replace(OPTIONS, on_nonfinite="rollback", save_every=6)
    rolled_back = go(experiment, tmp_path / "rolled_back", options).state
    assert int(rolled_back.step) == 6 and int(rolled_back.extra["entered"]) != int(plain.extra["entered"])


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_flipped_bit_costs_its_checkpoint_and_nothing_else(toy, methods, whole, tmp_path, monkeypatch):
    monkeypatch.setenv("JAXGAN_FAULT", "flip@6")
    for _ in range(2):
        outcome = go(toy.experiment((methods[0], 6)), tmp_path)
        assert_same(outcome.state, whole[0].state)
    assert [path.name.partition("-")[0] for path in (tmp_path / "quarantine").iterdir()] == ["6"]
    assert checkpoint_steps(tmp_path) == [3, 6]
    assert [r["step"] for r in read_records(tmp_path / "metrics.jsonl")] == [1, 2, 3, 4, 5, 6]


def _noise_of(toy, workdir):
    go(toy.experiment((toy.Method(), 6)), workdir)
    return read_records(workdir / "metrics.jsonl")


@pytest.mark.slow
def test_a_step_that_is_left_out_changes_the_count_alone(toy, tmp_path):
    options = dataclasses.replace(OPTIONS, on_nonfinite="continue", save_every=1, keep=9)
    outcome = go(toy.experiment((toy.Method(diverges_at=4), 6)), tmp_path, options)
    records = read_records(tmp_path / "metrics.jsonl")
    assert [r["skipped"] for r in records] == [0, 0, 0, 0, 1, 0] and records[4]["g/loss"] is None
    assert int(outcome.state.step) == 6
    checkpoints = Checkpoints(tmp_path, keep=9)
    before, after = (checkpoints.restore(outcome.state, step)[0] for step in (4, 5))
    checkpoints.close()
    assert_same(before.replace(step=0), after.replace(step=0))


def test_a_score_that_fails_is_recorded_and_training_goes_on(toy, methods, tmp_path):
    def fails(nets, step):
        raise ValueError("the set has no split 'test'")

    evaluators = [Evaluator("scores", scores, 4), Evaluator("split", fails, 4)]
    outcome = go(toy.experiment((methods[0], 6), evaluators=evaluators), tmp_path)
    assert int(outcome.state.step) == 6
    assert [r["step"] for r in read_records(tmp_path / "metrics.jsonl") if "eval/score" in r] == [4, 6]
    failed = [r for r in read_records(tmp_path / "scores.jsonl") if r["metric"] == "split"]
    assert [(r["step"], r["value"], r["error"]) for r in failed] == [
        (step, None, "the set has no split 'test'") for step in (4, 6)
    ]
    options = dataclasses.replace(OPTIONS, on_evaluation_error="stop")
    with pytest.raises(ValueError, match="no split"):
        go(toy.experiment((methods[0], 6), evaluators=evaluators), tmp_path / "stop", options)
    assert checkpoint_steps(tmp_path / "stop") == [3, 4]


def test_a_run_that_ended_before_its_scores_computes_them_first(toy, methods, whole, tmp_path):
    def dies(nets, step):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        go(toy.experiment((methods[0], 6), evaluators=[Evaluator("scores", dies, 4)]), tmp_path)
    assert [r["step"] for r in read_records(tmp_path / "metrics.jsonl")] == [1, 2, 3]
    again = go(toy.experiment((methods[0], 6), evaluators=[Evaluator("scores", scores, 4)]), tmp_path)
    assert_same(again.state, whole[0].state)
    mine, theirs = (read_records(w / "metrics.jsonl") for w in (tmp_path, whole[1]))
    for a, b in zip(mine, theirs, strict=True):
        assert {k: v for k, v in a.items() if "perf/" not in k} == {k: v for k, v in b.items() if "perf/" not in k}


def without_speed(records):
    return [{k: v for k, v in record.items() if "perf/" not in k} for record in records]


@pytest.mark.parametrize("spoil", [lambda path: path.unlink(), lambda path: path.write_text("{")])
def test_scores_that_were_to_come_are_not_forgotten_with_the_note_of_them(toy, methods, whole, tmp_path, spoil, caplog):
    def dies(nets, step):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        go(toy.experiment((methods[0], 6), evaluators=[Evaluator("scores", dies, 4)]), tmp_path)
    spoil(tmp_path / "pending.json")
    go(toy.experiment((methods[0], 6), evaluators=[Evaluator("scores", scores, 4)]), tmp_path)
    mine, theirs = (read_records(w / "metrics.jsonl") for w in (tmp_path, whole[1]))
    assert without_speed(mine) == without_speed(theirs)
    assert "the scores of step 4 were to come" in caplog.text


def test_scores_that_came_before_a_kill_are_recorded_once(toy, methods, tmp_path, monkeypatch):
    def dies(self):
        raise KeyboardInterrupt

    evaluators = [Evaluator("scores", lambda nets, step: {"eval/fd": Score(step / 2, None, {})}, 4)]
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Pending, "done", dies)
        go(toy.experiment((methods[0], 6), evaluators=evaluators), tmp_path)
    assert read_records(tmp_path / "metrics.jsonl")[-1]["eval/fd"] == 2.0
    go(toy.experiment((methods[0], 6), evaluators=evaluators), tmp_path)
    assert [r["step"] for r in read_records(tmp_path / "scores.jsonl")] == [4, 6]
    assert [r["step"] for r in read_records(tmp_path / "metrics.jsonl")] == [1, 2, 3, 4, 5, 6]


def no_room(*given):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def full_file(path, mode):
    return open("/dev/full", mode)


async def no_room_later(self, item, directory):
    if item["data"]["position"] > 3:
        no_room()
    (directory / "metadata").write_text(json.dumps(item))


def settle(folder):
    """Waits until nothing below a folder changes for a moment."""
    before = None
    while (now := sorted((str(p), p.stat().st_size) for p in folder.rglob("*") if p.exists())) != before:
        before = now
        time.sleep(0.5)


# What a full disk left in the buffers of files is written once more when they are collected.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("full", ["metrics.jsonl", "tb", "checkpoints"])
def test_a_full_disk_is_one_sentence_that_names_a_path(toy, methods, tmp_path, monkeypatch, full):
    go(toy.experiment((methods[0], 3)), tmp_path)
    with monkeypatch.context() as patch:
        if full == "metrics.jsonl":
            patch.setattr("jaxgan.training.records.open", full_file, raising=False)
        elif full == "tb":
            patch.setattr("tensorboardX.record_writer.RecordWriter.flush", no_room)
        else:
            patch.setattr(ocp.JsonCheckpointHandler, "_save_fn", no_room_later)
        with pytest.raises(UserError, match=rf"cannot write {tmp_path}/{full}: ENOSPC.*make room") as error:
            go(toy.experiment((methods[0], 6)), tmp_path)
    assert "\n" not in str(error.value)
    # A process that fails so ends; the threads of this one may still be writing what the next start removes.
    settle(tmp_path / "checkpoints")
    # Files that could not be written are collected here, and not within another test.
    del error
    gc.collect()
    outcome = go(toy.experiment((methods[0], 6)), tmp_path)
    assert int(outcome.state.step) == 6
    assert [r["step"] for r in read_records(tmp_path / "metrics.jsonl")] == [1, 2, 3, 4, 5, 6]


def test_other_data_than_before_is_refused_with_what_differs(toy, methods, tmp_path):
    def experiment(length, classes):
        made = toy.experiment((methods[0], 6))
        found = {"data": {"length": length, "version": str(length), "classes": classes}}
        return made._replace(stages=(made.stages[0]._replace(data_identity=lambda: found),))

    go(experiment(9, ["cat", "dog"]), tmp_path)
    shutil.rmtree(tmp_path / "checkpoints" / "6")
    with pytest.raises(UserError, match=r"(?s)data: length was 9, is 8.*classes -dog \+fox"):
        go(experiment(8, ["cat", "fox"]), tmp_path)
    go(experiment(8, ["cat", "fox"]), tmp_path, dataclasses.replace(OPTIONS, accept_data_change=True))
    assert checkpoint_steps(tmp_path)[-1] == 6


def test_scores_that_are_pending_are_not_of_other_data(toy, methods, tmp_path):
    def experiment(length, run):
        made = toy.experiment((methods[0], 6), evaluators=[Evaluator("scores", run, 4)])
        found = {"data": {"length": length, "version": str(length), "classes": []}}
        return made._replace(stages=(made.stages[0]._replace(data_identity=lambda: found),))

    def dies(nets, step):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        go(experiment(9, dies), tmp_path)
    with pytest.raises(UserError, match="data: length was 9, is 8"):
        go(experiment(8, scores), tmp_path)
    assert [r["step"] for r in read_records(tmp_path / "metrics.jsonl")] == [1, 2, 3]


def test_a_best_score_that_failed_is_not_the_best(toy, methods, tmp_path):
    def run(nets, step):
        return {"eval/bad": FailedScore("few images")} | scores(nets, step) if step == 4 else scores(nets, step)

    def first_fails(nets, step):
        return {"eval/score": FailedScore("few images"), "eval/other": 1.0} if step == 4 else scores(nets, step)

    options = dataclasses.replace(OPTIONS, best="eval/score")
    for number, given in enumerate((run, first_fails)):
        workdir = tmp_path / str(number)
        go(toy.experiment((methods[0], 6), evaluators=[Evaluator("scores", given, 4)]), workdir, options)
        assert json.loads((workdir / "best.json").read_text())["step"] == 6


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"keep": 0}, "training.keep=0 must be at least 1"),
        ({"on_nonfinite": "skip"}, "on_nonfinite='skip'; choose from 'stop', 'rollback', 'continue'"),
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
