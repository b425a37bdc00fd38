"""Records that are lost without a damaged line are noticed: at a line's end, in the last line, with the whole file."""

import logging

import pytest

from jaxgan.training.logging import Writer
from jaxgan.training.method import Score
from jaxgan.training.record_counts import Count, lost_records, read_counts

COUNTS = {"metrics.jsonl": 3, "scores.jsonl": 2}


@pytest.fixture
def workdir(tmp_path):
    """Three records and the scores of steps 2 and 3, those of 3 written after its checkpoint."""
    writer = Writer(tmp_path, step=0)
    for step in (1, 2, 3):
        writer.write(step, {"g/loss": 0.5} | ({} if step == 1 else {"eval/fd": Score(1.0, None, {})}))
        writer.keep_counts(step)
    assert writer.counts() == COUNTS
    writer.close()
    return tmp_path


def merged(path):
    """The end of the first line is another character."""
    path.write_bytes(path.read_bytes().replace(b"\n", b"\x0b", 1))


def cut(path):
    path.write_bytes(path.read_bytes()[:-9])


@pytest.mark.parametrize(
    ("name", "spoil", "lost"),
    [
        ("metrics.jsonl", merged, "2 of 3"),
        ("metrics.jsonl", cut, "1 of 3"),
        ("metrics.jsonl", lambda path: path.unlink(), "3 of 3"),
        ("scores.jsonl", cut, "1 of 2"),
        ("scores.jsonl", lambda path: path.write_text(""), "2 of 2"),
    ],
)
def test_what_is_lost_is_said_with_its_number_once(workdir, caplog, name, spoil, lost):
    spoil(workdir / name)
    Writer(workdir, step=3, counts=COUNTS if name == "metrics.jsonl" else {**COUNTS, name: 1}).close()
    assert f"{workdir / name}: {lost} records up to step 3 are lost" in caplog.text
    caplog.clear()
    Writer(workdir, step=3).close()
    assert "lost" not in caplog.text


def test_what_lies_beyond_the_step_that_a_run_goes_on_from_is_not_lost(workdir, caplog):
    Writer(workdir, step=2, counts={"metrics.jsonl": 2, "scores.jsonl": 0}).close()
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert read_counts(workdir)[-1] == Count(2, {"metrics.jsonl": 2, "scores.jsonl": 1})
    assert lost_records(workdir, read_counts(workdir)) == []


def test_counts_that_are_damaged_are_said_and_not_used(workdir, caplog):
    path = workdir / "records.json"
    path.write_text(path.read_text().replace("3", "4"))
    assert read_counts(workdir) is None
    Writer(workdir, step=3, counts=COUNTS).close()
    assert "records.json is missing or damaged" in caplog.text and "lost is not known" in caplog.text
    assert read_counts(workdir) == [Count(3, COUNTS)]
