"""A run in two stages with a frozen network: what each stage moves, keeps, names, and where it goes on."""

import importlib.util
import os
import shutil
import signal
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.parallel import FSDP, host_to_global, make_mesh
from jaxgan.training.checkpoint import Checkpoints
from jaxgan.training.ema import Ema
from jaxgan.training.errors import UserError
from jaxgan.training.loop import train
from jaxgan.training.loop_options import LoopOptions
from jaxgan.training.method import Evaluator
from jaxgan.training.records import read_records
from jaxgan.training.step import compile_step, init_state, make_stage_step

_SPEC = importlib.util.spec_from_file_location("two_stages", Path(__file__).with_name("two_stages.py"))
two_stages = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(two_stages)


def go(workdir, experiment, **options):
    return train(
        experiment,
        workdir=workdir,
        config={"seed": 0},
        seed=0,
        mesh=make_mesh(devices=jax.devices()[:2]),
        options=LoopOptions(**{"save_every": 3, "log_every": 1, "keep": 1, **options}, progress=False),
    )


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))


def state_at(workdir, step, like):
    opened = Checkpoints(workdir, read_only=True)
    state, meta = opened.restore(like, step)
    opened.close()
    return state, meta


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The run undisturbed: its folder, and how it ended."""
    workdir = tmp_path_factory.mktemp("whole")
    return workdir, go(workdir, two_stages.experiment())


def test_records_and_checkpoints_name_their_stage_and_each_stages_last_is_kept(whole):
    workdir, outcome = whole
    assert int(outcome.state.step) == 6
    records = read_records(workdir / "metrics.jsonl")
    assert [(r["step"], r["stage"]) for r in records] == [
        (1, "both"),
        (2, "both"),
        *((n, "taught") for n in range(3, 7)),
    ]
    # Step 3 was saved, and made room.
    assert sorted(int(p.name) for p in (workdir / "checkpoints").iterdir()) == [2, 6]
    assert [state_at(workdir, step, outcome.state)[1]["stage"] for step in (2, 6)] == ["both", "taught"]
    scored = read_records(workdir / "scores.jsonl")
    assert [(r["step"], r["stage"], r["metric"]) for r in scored] == [(2, "both", "bias"), (6, "taught", "bias")]


def test_a_stage_moves_its_players_alone(whole):
    workdir, outcome = whole
    seam, _ = state_at(workdir, 2, outcome.state)
    assert same(seam.nets["d"], outcome.state.nets["d"]) and same(seam.opt["d"], outcome.state.opt["d"])
    assert not same(seam.nets["g"], outcome.state.nets["g"])
    assert int(outcome.state.opt["g"][0].count) == 6 and int(outcome.state.opt["d"][0].count) == 2
    records = read_records(workdir / "metrics.jsonl")
    assert [r for r in records if "d/loss" in r] == records[:2]


def test_evaluators_see_the_stages_averages_and_the_frozen_network(whole):
    workdir, outcome = whole
    last = read_records(workdir / "metrics.jsonl")[-1]
    bias = outcome.state.ema["g"]["params"]["last"]["bias"][0]
    assert last["eval/bias"] == float(bias) != float(outcome.state.nets["g"]["params"]["last"]["bias"][0])
    assert last["eval/teacher"] == float(two_stages.teacher()["teacher"]["params"]["first"]["kernel"][0, 0])


def assert_goes_on_as(whole, workdir):
    again = go(workdir, two_stages.experiment())
    assert same(again.state, whole[1].state) and int(again.state.extra["entered"]) == 2
    mine, theirs = (read_records(w / "metrics.jsonl") for w in (workdir, whole[0]))
    for a, b in zip(mine, theirs, strict=True):
        assert all(a[k] == b[k] for k in b if not k.startswith("perf/"))


@pytest.mark.parametrize(("asked", "entered"), [(1, 1), (4, 2)])
def test_stopped_where_two_stages_meet_or_inside_one_it_ends_bit_for_bit(whole, tmp_path, asked, entered):
    def stop(nets, at):
        if at == asked:
            os.kill(os.getpid(), signal.SIGTERM)
        return {}

    stopped = go(tmp_path, two_stages.experiment(more=[Evaluator("stop", stop, 1)]))
    # The next step sees the request: asked at 1, it stops where the first stage ends, and the second is not begun.
    assert (stopped.stopped_by, int(stopped.state.step)) == (signal.SIGTERM, asked + 1)
    assert int(stopped.state.extra["entered"]) == entered
    assert_goes_on_as(whole, tmp_path)


def test_killed_after_a_stage_began_it_begins_it_again_from_where_the_two_meet(whole, tmp_path):
    shutil.copytree(whole[0], tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "checkpoints" / "6")
    assert_goes_on_as(whole, tmp_path / "run")


def test_a_stage_begins_under_a_key_that_no_step_has(whole):
    workdir, outcome = whole
    drawn = [r["drawn"] for r in read_records(workdir / "metrics.jsonl")]
    seam, _ = state_at(workdir, 2, outcome.state)
    begun = [float(state.extra["drawn"]) for state in (seam, outcome.state)]
    assert len({*drawn, *begun}) == 8


@pytest.mark.slow
def test_a_net_that_was_not_averaged_starts_as_a_copy(tmp_path):
    """As if the first stage's average had always been one."""
    without = go(tmp_path / "without", two_stages.experiment(ema=None))
    copying = go(tmp_path / "copying", two_stages.experiment(ema=Ema(nets=("g",), decay=0.0)))
    assert same(without.state.nets, copying.state.nets) and same(without.state.ema, copying.state.ema)
    seam, _ = state_at(tmp_path / "without", 2, without.state)
    assert not same(seam.ema["g"], seam.nets["g"])


def test_another_teacher_is_refused(whole):
    with pytest.raises(UserError, match=r"the frozen network 'teacher' is not the one that .*/6 was trained with"):
        go(whole[0], two_stages.experiment(frozen=lambda: two_stages.teacher(seed=10)))


def test_frozen_networks_are_arguments_split_by_the_rules_and_never_donated():
    experiment = two_stages.experiment()._replace(rules=FSDP)
    mesh, stage = make_mesh(data=2, fsdp=4), experiment.stages[1]._replace(batch={}, images_per_step=8)
    state, where = init_state(experiment, rng=jax.random.key(0), mesh=mesh)
    kernel = state.frozen["teacher"]["params"]["first"]["kernel"]
    assert "fsdp" in kernel.sharding.spec
    step = compile_step(make_stage_step(stage), mesh, where)
    batch = host_to_global(next(two_stages.data(8)(0)), mesh)
    with jax.set_mesh(mesh):
        assert sum(np.size(x) for x in step.trace(state, batch, jax.random.key(1)).jaxpr.consts) < 16
        program = step.lower(state, batch, jax.random.key(1)).as_text()
        after, _ = step(state, batch, jax.random.key(1))
    assert 'dense<"0x' not in program, "an array is a constant of the program"
    assert after.frozen is state.frozen and not kernel.is_deleted()
    assert state.nets["g"]["params"]["first"]["kernel"].is_deleted()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"moves": ("d", "g")}, "does not name 'd' among its players, and its method's step updates it"),
        (None, "no 'x'"),
    ],
)
def test_players_that_a_stage_does_not_name_must_rest(changes, message):
    experiment = two_stages.experiment(second=two_stages.Taught(**(changes or {})))
    stage = experiment.stages[1] if changes else experiment.stages[1]._replace(players=("x",))
    with pytest.raises(ValueError, match=message):
        jax.eval_shape(make_stage_step(stage), experiment.shapes(), stage.batch, jax.random.key(0))


def test_a_step_belongs_to_one_stage_and_a_checkpoint_to_the_one_that_made_it():
    experiment = two_stages.experiment()
    assert experiment.stage_starts == (0, 2) and experiment.total_steps == 6
    assert [experiment.stage_at(n).name for n in (0, 1, 2, 5, 6)] == ["both", "both", "taught", "taught", "taught"]
    assert [experiment.stage_of_checkpoint(n).name for n in (0, 1, 2, 3, 6)] == ["both"] * 3 + ["taught"] * 2
    assert experiment.stage_named("taught") is experiment.stages[1]
    for name in (None, "x"):
        with pytest.raises(UserError, match="choose --stage= from both, taught"):
            experiment.stage_named(name)
    one = experiment._replace(stages=experiment.stages[:1])
    assert one.stage_named(None) is one.stages[0]


def test_an_experiments_own_init_makes_the_state(tmp_path):
    def init(rng):
        state = two_stages.Both().init(rng, {"image": jnp.zeros((1, 4, 4, 1), jnp.uint8)})
        return state.replace(nets=jax.tree.map(jnp.zeros_like, state.nets))

    experiment = two_stages.experiment()._replace(init=init)
    state = experiment.fresh_state(jax.random.key(0))
    assert not any(jnp.any(x) for x in jax.tree.leaves((state.nets, state.ema))) and set(state.ema) == {"g"}


def test_two_stages_of_one_name_are_told(tmp_path):
    experiment = two_stages.experiment()
    with pytest.raises(UserError, match="stages both, both: give each a name of its own"):
        go(tmp_path / "run", experiment._replace(stages=[experiment.stages[0]] * 2))
