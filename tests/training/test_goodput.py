"""The ledger of a run's time: what is wasted, over kills, rollbacks and returns, and that nothing of it is lost."""

import time

import pytest

from jaxgan.training.goodput import KINDS, Goodput, sentence, summary
from jaxgan.training.records import line_of, read_records


@pytest.fixture
def ledger(tmp_path):
    """Writes lines (start, part, resumed at, step, seconds of steps so far), 'compile' being 1 s of each start."""

    def write(*lines):
        with (tmp_path / "goodput.jsonl").open("w") as file:
            for start, part, resumed_at, step, seconds in lines:
                spent = dict.fromkeys(KINDS, 0.0) | {"step": seconds, "compile": 1.0}
                record = {"step": step, "start": start, "resumed_at": resumed_at, "seconds": spent}
                file.write(line_of(record if part is None else record | {"part": part}, "goodput.jsonl"))
        return summary(tmp_path)

    return write


@pytest.mark.parametrize("part", [None, 1])
def test_steps_that_a_later_start_does_again_are_wasted(ledger, part):
    spent = ledger(("a", part, 0, 10, 5.0), ("a", part, 0, 15, 8.0), ("b", part, 10, 20, 6.0))
    assert spent["wasted"] == 3.0 and spent["step"] == 11.0 and spent["compile"] == 2.0
    assert sentence(spent) == "16 s in all: step 68.8%, wasted 18.8%, compile 12.5%"


def test_every_rollback_of_a_start_wastes_its_steps(ledger):
    spent = ledger(
        ("a", 1, 0, 10, 5.0),
        ("a", 1, 0, 14, 7.0),
        ("a", 2, 10, 16, 10.0),
        ("a", 3, 10, 12, 12.0),
        ("a", 3, 10, 20, 15.0),
    )
    # 11 to 14, and then 11 to 16.
    assert spent["wasted"] == 5.0 and spent["step"] == 10.0 and spent["compile"] == 1.0


def test_going_further_back_wastes_what_earlier_starts_had_kept(ledger):
    spent = ledger(("a", 1, 0, 10, 5.0), ("a", 1, 0, 20, 9.0), ("b", 1, 20, 30, 4.0), ("c", 1, 10, 30, 8.0))
    assert spent["wasted"] == 8.0 and spent["step"] == 13.0


def test_a_start_that_came_to_no_checkpoint_wastes_nothing_of_others(ledger):
    spent = ledger(("a", 1, 0, 10, 5.0), ("b", 0, None, 1, 0.5), ("c", 1, 10, 20, 4.0))
    assert spent["wasted"] == 0.0 and spent["step"] == 9.5


def test_foreign_lines_are_left_out_and_counted(ledger, tmp_path, caplog):
    ledger(("a", 1, 0, 10, 5.0))
    with (tmp_path / "goodput.jsonl").open("a") as file:
        for seconds in ({}, {"seconds": {"step": "long"}}, {"resumed_at": [], "seconds": {}}):
            file.write(line_of({"step": 2, "start": "a", "resumed_at": 0} | seconds, "goodput.jsonl"))
    assert summary(tmp_path)["step"] == 5.0
    assert "left out 3 lines that say no seconds" in caplog.text


def test_a_process_that_ends_inside_a_section_keeps_its_time(tmp_path):
    goodput = Goodput(tmp_path, began=time.monotonic())
    goodput.resumed_at = 4
    goodput.write(6)
    with goodput.time("evaluate"):
        time.sleep(0.2)
        goodput.cut_short()
    first, last = read_records(tmp_path / "goodput.jsonl")
    # After step 6 no step came to its end: a start that goes on from there repeats what came since.
    assert (first["step"], last["step"], last["resumed_at"]) == (6, 7, 4)
    assert last["seconds"]["evaluate"] >= 0.2 > last["seconds"]["step"]
    again = Goodput(tmp_path, began=time.monotonic())
    again.resumed_at = 6
    again.write(8)
    assert summary(tmp_path)["wasted"] >= 0.2
