"""A run says what its records warn of when it saves, and keeps the checkpoint before it."""

import dataclasses

import jax
import jax.numpy as jnp
import pytest

from jaxgan.parallel import make_mesh
from jaxgan.training.alarm_watch import AlarmWatch
from jaxgan.training.loop import train
from jaxgan.training.loop_options import LoopOptions


def records(norms, first=1):
    return [{"step": step, "g/grad_norm": norm} for step, norm in enumerate(norms, first)]


def looked(watch, more, steps):
    for record in more:
        watch.add(record)
    return [alarm.rule for alarm in watch.look(steps)]


def test_the_checkpoint_before_the_first_alarm_is_kept():
    watch = AlarmWatch(records([1.0] * 30))
    assert looked(watch, [], [10, 20, 30]) == [] and watch.kept is None
    assert looked(watch, records([0.01] * 5, 31), [20, 30, 35]) == ["gradient vanishes"]
    assert watch.kept == 30


def test_it_is_said_once_and_kept_through_a_spell_but_not_for_ever(caplog):
    watch = AlarmWatch()
    looked(watch, records([1.0] * 30 + [0.01] * 5), [30, 35])
    assert caplog.text.count("--from_step=30 goes back to it") == 1
    assert looked(watch, records([0.01] * 5, 36), [30, 40]) == []
    assert looked(watch, records([1.0] * 60, 41), [30, 100]) == [] and watch.kept == 30
    assert looked(watch, records([0.01] * 5, 101), [30, 100, 105]) == ["gradient vanishes"]
    assert watch.kept == 100


def test_a_run_that_goes_on_knows_what_it_kept():
    watch = AlarmWatch(records([1.0] * 30 + [0.01] * 5), kept=30)
    assert looked(watch, records([0.01] * 5, 36), [30, 40]) == [] and watch.kept == 30


@pytest.mark.parametrize("stop", [None, 36])
def test_training_keeps_it(toy, tmp_path, caplog, stop):
    @dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
    class Vanishing(toy.Method):
        def step(self, state, batch, rng):
            state, metrics = super().step(state, batch, rng)
            return state, metrics | {"g/grad_norm": jnp.where(state.step < 30, 1.0, 0.001)}

    def go(steps):
        options = LoopOptions(save_every=6, log_every=1, keep=1, progress=False)
        mesh = make_mesh(devices=jax.devices()[:1])
        return train(
            toy.experiment((Vanishing(), steps)), workdir=tmp_path, config={}, seed=0, mesh=mesh, options=options
        )

    if stop is not None:
        go(stop)
    go(54)
    kept = sorted(int(path.name) for path in (tmp_path / "checkpoints").iterdir())
    assert kept == [30, 54]
    assert "g/grad_norm: the gradient vanishes" in caplog.text
