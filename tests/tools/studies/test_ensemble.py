"""Runs that share a program end as they would alone."""

import functools
import importlib.util
import signal
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import recipes
from jaxgan.experiment import run as recipe_run
from jaxgan.parallel import REPLICATED, host_to_global, make_mesh
from jaxgan.tools.studies import Study, ensemble_runs
from jaxgan.tools.studies.ensemble import Member, ensemble_experiment, group_folder, group_members
from jaxgan.tools.studies.ensemble_method import member_state
from jaxgan.tools.studies.grid import run_study, seeded
from jaxgan.tools.studies.results import read_results
from jaxgan.tools.studies.swept_scalar import SweptScalar
from jaxgan.training.checkpoint import Checkpoints
from jaxgan.training.errors import UserError
from jaxgan.training.records import read_records
from jaxgan.training.step import compile_step, init_state, make_stage_step

_SPEC = importlib.util.spec_from_file_location("points", Path(__file__).with_name("points.py"))
points = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(points)

together = functools.partial(ensemble_runs.train_ensemble, progress=False)


def alone(config, workdir):
    return recipe_run.train_experiment(points.build(config), config, workdir, progress=False)


@pytest.fixture(autouse=True)
def points_recipe(monkeypatch):
    monkeypatch.setattr(recipes, "build", points.build)


def members_of(configs, seeds):
    return [Member(name, seed, seeded(config, seed)) for seed in seeds for name, config in configs.items()]


def study_of(configs, seeds):
    return Study(name="s", title="S", variants=configs, seeds=seeds, scores=("eval/spread",))


def close(a, b, rtol=2e-4, atol=2e-5):
    jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=rtol, atol=atol), a, b)


@pytest.mark.slow
def test_eight_seeds_as_one_program_are_eight_runs():
    members, mesh, steps = members_of({"v": points.config(method__weight=0.1)}, range(8)), make_mesh(), 4
    whole = ensemble_experiment(members)

    def trained(experiment, step, where, rng, state):
        data, found = experiment.stages[0].data(0), []
        with jax.set_mesh(mesh):
            for _ in range(steps):
                state, metrics = step(state, host_to_global(next(data), mesh), rng)
                found.append(metrics)
        return state, found

    state, where = init_state(whole, rng=jax.random.key(99), mesh=mesh)
    fresh = jax.device_get(state)
    step = compile_step(make_stage_step(whole.stages[0]), mesh, where)
    state, metrics = trained(whole, step, where, jax.random.key(99), state)
    assert int(state.step) == steps and metrics[0].keys() == {
        f"v.seed{seed}/{name}"
        for seed in range(8)
        for name in ("d/loss", "d/grad_norm", "d/real", "g/loss", "g/grad_norm")
    }
    one = points.build(members[0].config)
    init_keys, keys = zip(*(jax.random.split(jax.random.key(seed)) for seed in range(8)))
    init = jax.jit(one.fresh_state)
    _, where = init_state(one, rng=keys[0], mesh=mesh)
    step = compile_step(make_stage_step(one.stages[0]), mesh, where, donate=False)
    for seed, member in enumerate(members):
        own = init(init_keys[seed])
        close(member_state(fresh, seed), own, rtol=1e-6, atol=0)
        own, found = trained(points.build(member.config), step, where, keys[seed], own)
        close(member_state(state, seed), own)
        for at, expected in zip(metrics, found, strict=True):
            close({k: at[f"v.seed{seed}/{k}"] for k in expected}, expected)
    kernels = np.asarray(state.nets["g"]["params"]["last"]["kernel"])
    assert all(np.abs(kernels[0] - other).max() > 0.01 for other in kernels[1:])


@pytest.fixture
def one_device(monkeypatch):
    """Programs for one device compile sooner."""
    for module in (recipe_run, ensemble_runs):
        monkeypatch.setattr(module, "experiment_mesh", lambda config, **options: make_mesh(devices=jax.devices()[:1]))


@pytest.mark.slow
def test_a_vmapped_study_gives_the_results_of_runs_one_by_one(tmp_path, one_device):
    rates = {"slow": (1e-3, 0.1), "fast": (3e-2, 0.3), "wild": (1e30, 0.2)}
    configs = {name: points.config(method__weight=weight) for name, (_, weight) in rates.items()}
    for name, (rate, _) in rates.items():
        configs[name].optimizer.d.learning_rate = rate
    study, seen = study_of(configs, (3,)), []
    assert run_study(study, tmp_path / "a", train=alone) is None
    options = dict(train=pytest.fail, train_ensemble=together)
    assert run_study(study, tmp_path / "b", on_result=seen.append, **options) is None
    a, b = read_results(tmp_path / "a"), read_results(tmp_path / "b")
    assert [r.variant for r in a] == [r.variant for r in b] == [*rates] and b == seen
    for one, other in zip(a, b):
        assert (one.members, other.members) == (1, 3) and other.seconds > 0 and other.images_per_second != 0
        same = {"members": 1, "seconds": 0, "images_per_second": 0, "scores": {}}
        assert other._replace(**same) == one._replace(**same)
        assert one.status == ("diverged" if one.variant == "wild" else "finished")
        close(other.scores, one.scores)
        left, right = (tmp_path / part / one.variant / "seed3" for part in "ab")
        assert (left / "config.json").read_bytes() == (right / "config.json").read_bytes()
        records = [
            [{k: v for k, v in r.items() if not k.startswith("perf/")} for r in read_records(side / "metrics.jsonl")]
            for side in (left, right)
        ]
        if one.variant == "wild":  # it ended at the same step, of a metric that both show
            nulls = [{k for k, v in side[-1].items() if v is None} for side in records]
            assert nulls[0] == nulls[1] and not (right / "checkpoints").exists()
            continue
        close(*records)
        assert (left / "samples" / "6.png").read_bytes() == (right / "samples" / "6.png").read_bytes()
        target = points.build(configs[one.variant]).shapes()
        (mine, meta), (theirs, other_meta) = (
            Checkpoints(side, read_only=True).restore(target) for side in (left, right)
        )
        close(mine, theirs)
        assert all(meta[key] == other_meta[key] for key in ("seed", "config", "rng", "data", "stage"))
    # What is there is not trained again; older lines say "lanes", or nothing.
    lines = (tmp_path / "a" / "results.jsonl").read_text()
    for older in (', "lanes": 1}', "}"):
        (tmp_path / "a" / "results.jsonl").write_text(lines.replace(', "members": 1}', older))
        assert '"members"' in lines and read_results(tmp_path / "a") == a
    for part in "ab":
        assert run_study(study, tmp_path / part, train=pytest.fail, train_ensemble=pytest.fail) is None


@pytest.mark.slow
def test_a_group_that_is_stopped_goes_on_bit_for_bit(tmp_path, monkeypatch, one_device):
    configs = {"v": points.config()}
    study, options = study_of(configs, (0, 1)), dict(train=pytest.fail, train_ensemble=together)
    assert run_study(study, tmp_path / "a", **options) is None
    monkeypatch.setattr(recipes, "build", functools.partial(points.build, stop_at=[4]))
    assert run_study(study, tmp_path / "b", **options) == signal.SIGTERM
    group = group_folder(tmp_path / "b", members_of(configs, (0, 1)))
    assert group.relative_to(tmp_path / "b").as_posix() == "v/vmap-seeds0-1"
    assert read_results(tmp_path / "b") == [] and 0 < Checkpoints(group, read_only=True).steps()[-1] < 6
    monkeypatch.setattr(recipes, "build", points.build)
    assert run_study(study, tmp_path / "b", **options) is None
    target = points.build(configs["v"]).shapes()
    for seed in (0, 1):
        one, other = (
            Checkpoints(tmp_path / part / "v" / f"seed{seed}", read_only=True).restore(target)[0] for part in "ab"
        )
        jax.tree.map(np.testing.assert_array_equal, one, other)
    assert [r.scores for r in read_results(tmp_path / "a")] == [r.scores for r in read_results(tmp_path / "b")]


@pytest.mark.slow
def test_where_all_members_diverge_the_group_ends_early(tmp_path, one_device):
    config = points.config(training__steps=40)
    config.optimizer.d.learning_rate = 1e30
    run_study(study_of({"wild": config}, (0, 1)), tmp_path, train=pytest.fail, train_ensemble=together)
    results = read_results(tmp_path)
    assert [(r.seed, r.status) for r in results] == [(0, "diverged"), (1, "diverged")]
    group = tmp_path / "wild" / "vmap-seeds0-1"
    assert read_records(group / "metrics.jsonl")[-1]["step"] < 40


def test_what_shares_a_program():
    configs = {
        "a": points.config(method__weight=0.1),
        "b": points.config(method__weight=0.2),
        "none": points.config(),
        "long": points.config(training__steps=8),
    }
    groups = group_members(members_of(configs, (0, 1)))
    assert [[(v, s) for v, s, _ in group] for group in groups] == [
        [("a", 0), ("b", 0), ("a", 1), ("b", 1)],
        [("none", 0), ("none", 1)],
        [("long", 0), ("long", 1)],
    ]
    assert [len(group) for group in group_members(groups[0], most=3)] == [3, 1]
    assert group_folder("w", groups[0]).as_posix() == "w/a+b/vmap-seeds0-1"
    with pytest.raises(UserError, match="max_members=0"):
        group_members(groups[0], most=0)


def test_a_number_that_does_not_trace_is_named(monkeypatch):
    configs = {"a": points.config(method__weight=0.1), "b": points.config(method__weight=0.2)}
    configs["b"].optimizer.g.learning_rate = 0.5

    def fixed(config):
        return points.build(config)._replace(rules=REPLICATED) if float(config.method.weight) else None

    monkeypatch.setattr(recipes, "build", fixed)
    with pytest.raises(UserError, match=r"config\.method\.weight cannot differ .*; run the study without --vmap"):
        ensemble_experiment(members_of(configs, (0,)))

    def odd(config):
        return (
            points.build(config)._replace(rules=REPLICATED) if np.isfinite(config.optimizer.g.learning_rate) else None
        )

    monkeypatch.setattr(recipes, "build", odd)
    with pytest.raises(UserError, match=r"config\.optimizer\.g\.learning_rate cannot differ"):
        ensemble_experiment(members_of(configs, (0,)))


def test_a_number_may_go_into_compiled_functions(monkeypatch):
    configs = {"a": points.config(), "b": points.config()}
    configs["b"].optimizer.d.learning_rate = 0.5

    def build(config):
        jnp.where(True, config.optimizer.d.learning_rate, 0.0)  # which takes arrays and Python's numbers alone
        return points.build(config)

    monkeypatch.setattr(recipes, "build", build)
    method = ensemble_experiment(members_of(configs, (0,))).stages[0].method
    assert method.plain == {"optimizer.d.learning_rate"}
    assert method.numbers == {"optimizer.d.learning_rate": (2e-2, 0.5)}


def test_questions_are_asked_of_all_members():
    number = SweptScalar("method.weight", (0.1, 0.4), np.float32(0.4))
    assert number and number > 0 and not number >= 1 and number != 0
    assert (2 - number, number * 3, 1 / number) == pytest.approx((1.6, 1.2, 2.5))
    with pytest.raises(UserError, match=r"config\.method\.weight .* 0\.1, 0\.4 take different programs"):
        bool(number < 0.2)


def test_a_member_keeps_scores_that_are_not_finite_or_failed():
    records = [
        {"step": 2, "a/g/loss": 1.0, "a/eval/psnr": None, "b/g/loss": 3.4028234663852886e38},
        {"step": 4, "a/g/loss": 2.0, "b/g/loss": 1.0},
    ]
    own = ensemble_runs.member_records(records, "a", members=2)
    assert own == [{"step": 2, "g/loss": 1.0, "eval/psnr": None}, {"step": 4, "g/loss": 2.0}]
    assert ensemble_runs.member_records(records, "b", members=2) == [{"step": 2, "g/loss": None}]
    scores = [
        {"step": 2, "metric": "a/eval/psnr", "value": "inf", "stamp": {}},
        {"step": 2, "metric": "a/scores", "value": None, "error": "no split"},
        {"step": 2, "metric": "b/eval/psnr", "value": 1.0, "stamp": {}},
    ]
    assert ensemble_runs.member_scores(scores, "a") == [
        scores[0] | {"metric": "psnr"},
        scores[1] | {"metric": "scores"},
    ]


def test_what_is_wrong_with_a_group_claims_no_folder(tmp_path):
    with pytest.raises(UserError, match="log_every=0 must be at least 1"):
        together(members_of({"v": points.config(training__log_every=0)}, range(2)), tmp_path / "group")
    assert not (tmp_path / "group").exists()
