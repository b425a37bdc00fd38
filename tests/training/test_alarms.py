"""Alarms on records that were made up."""

import numpy as np
import pytest

from jaxgan.training import alarms as subject
from jaxgan.training.alarms import PAST, RULES, Rule, alarms


def records(metric, values, *, every=10, **more):
    return [{"step": (i + 1) * every, metric: value, **more} for i, value in enumerate(values)]


def steady(count, *, at=1.0):
    return list(at * (1 + 0.05 * np.sin(np.arange(count))))


def test_steady_metrics_raise_no_alarm():
    for metric in ("d/gap", "g/spread", "g/grad_norm", "d/sigma/conv_0", "g/loss", "d/real"):
        assert not alarms(records(metric, steady(200))), metric


@pytest.mark.parametrize("name", ["g/spread", "g_1/spread", "v.seed0/g/spread"])
def test_a_spread_that_falls_is_an_alarm_at_its_step(name):
    rules = [rule for rule in RULES if rule.quantity == "spread"] or [
        Rule("spread falls", "spread", "g", subject.shrinkage, 2.0, "")
    ]
    found = alarms(records(name, steady(50) + steady(20, at=0.01)), rules)
    assert [alarm.metric for alarm in found] == [name]
    # Of the three newest values two are small.
    assert found[0].step == 520 and found[0].value > found[0].threshold


def test_a_single_spike_is_none():
    values = steady(80)
    values[50] *= 1000
    assert not alarms(records("g/grad_norm", values))


def test_what_is_not_finite_is_an_alarm_at_once():
    found = alarms(records("d/loss", [1.0, None, 1.0]))
    assert [(alarm.rule, alarm.step) for alarm in found] == [("not finite", 20)]
    assert not alarms(records("eval/fid", [1.0, None]))


def test_stages_have_pasts_of_their_own():
    rule = Rule("grows", "loss", "g", subject.growth, 2.0, "")
    first = records("g/loss", steady(40), stage="small")
    then = [dict(record, step=record["step"] + 400) for record in records("g/loss", steady(40, at=9.0), stage="large")]
    assert not alarms([*first, *then], [rule])
    assert alarms([*first, *(dict(record, stage="small") for record in then)], [rule])


def test_foreign_values_are_left_out():
    odd = [{"step": "7", "g/loss": 1.0}, {"g/loss": 2.0}, {"step": 3, "g/loss": "x", "g/note": [1], "stage": 5}]
    assert alarms(odd) == [] and subject.series_of(odd) == {}


@pytest.mark.parametrize("seed", range(3))
def test_statistics_are_numpys(seed):
    values = np.random.default_rng(seed).normal(3.0, 1.0, 60)
    at = 40
    before, last = np.abs(values[at - 22 : at - 2]), np.abs(values[at - 2 : at + 1])
    assert len(before) == PAST
    np.testing.assert_allclose(subject.growth(values)[at], np.median(last) / np.median(before))
    np.testing.assert_allclose(subject.shrinkage(values)[at], np.median(before) / np.median(last))
    np.testing.assert_allclose(subject.level(values)[at], np.median(values[at - 2 : at + 1]))
    deviation = 1.4826 * np.median(np.abs(values[at - 22 : at - 2] - np.median(values[at - 22 : at - 2])))
    moved = abs(np.median(values[at - 2 : at + 1]) - np.median(values[at - 22 : at - 2]))
    np.testing.assert_allclose(subject.jump(values)[at], moved / deviation)
    assert np.isnan(subject.growth(values)[:22]).all() and not np.isnan(subject.growth(values)[22:]).any()
