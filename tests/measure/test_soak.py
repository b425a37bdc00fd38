"""Runs that are hit at random end as one that is left alone."""

import pytest
import soak


def test_plans_are_of_the_seed_and_hit_within_the_run():
    plans = [soak.plan(0, number, seconds=9.0) for number in range(200)]
    assert plans == [soak.plan(0, number, seconds=9.0) for number in range(200)]
    assert plans != [soak.plan(1, number, seconds=9.0) for number in range(200)]
    hits = [hit for plan in plans for hit in plan.hits]
    assert {(hit.name, hit.process) for hit in hits} == {(s.name, p) for s in soak.SIGNALS for p in range(2)}
    assert all(0 <= hit.seconds <= 9 for hit in hits) and any(plan.fault.startswith("eio@") for plan in plans)


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.timeout(1800)
def test_three_runs_end_as_an_undisturbed_one(tmp_path):
    arguments = ["--config=cgan:mnist,smoke", "--config.evaluation.tstr=false"]
    found = soak.soak(tmp_path, arguments, runs=3, seed=0, steps=60)
    assert len(found) == 3 and all(record["same"] for record in found), found
    assert sum(len(record["hits"]) for record in found) >= 2
