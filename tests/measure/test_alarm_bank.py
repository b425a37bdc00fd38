"""How the bank of runs judges alarms, on records that were made up."""

import alarm_bank
import numpy as np
import pytest
from alarm_bank import Run, collapse_step, fisher, outcome


def run(collapsed, changed=100):
    return Run("way", "base", 0, False, True, changed, collapsed, [])


def test_a_run_collapses_at_the_first_of_three_poor_records():
    records = [{"step": 20 * i, "modes": modes} for i, modes in enumerate([0, 0, 0, 9, 4, 4, 9, 4, 3, 4, 9])]
    assert collapse_step(records, 10, 40) == 140
    assert collapse_step(records[:9], 10, 40) is None
    assert collapse_step(records[:3], 10, 0) is None


@pytest.mark.parametrize(
    ("collapsed", "first", "kind", "lead"),
    [
        (300, 200, "right", 100),
        (300, 100, "false", None),
        (300, 300, "missed", None),
        (300, 999, "missed", None),
        (None, 200, "false", None),
        (None, 999, "quiet", None),
    ],
)
def test_alarms_are_judged_by_their_step(collapsed, first, kind, lead):
    steps = np.arange(20, 400, 20)
    assert outcome(run(collapsed), (steps, (steps >= first).astype(float)), 0.5) == (kind, lead)


def test_the_chance_of_a_blind_rule_is_hypergeometric():
    hypergeometric = pytest.importorskip("scipy.stats").hypergeom
    for right, collapsing, false, healthy in [(5, 10, 1, 12), (0, 10, 3, 12), (10, 10, 0, 12), (0, 4, 0, 4)]:
        wanted = hypergeometric.sf(right - 1, collapsing + healthy, collapsing, right + false)
        assert fisher(right, collapsing, false, healthy) == pytest.approx(wanted)


def test_half_of_the_ways_and_seeds_is_held_out():
    harm = [way.harm for way in alarm_bank.WAYS]
    assert len(harm) * 2 >= 24 and sum(harm) * 2 == len(harm)
    # Halves have as many of either kind.
    assert sum(harm[::2]) == sum(harm[1::2])
