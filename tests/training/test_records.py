import logging

import numpy as np
import pytest

from jaxgan.training.records import RecordsFile, line_of, read_lines, read_records


class Bucket:
    """A local path that looks like an object store's."""

    def __init__(self, path):
        self.path = path

    def __fspath__(self):
        return str(self.path)

    def __str__(self):
        return f"gs://bucket/{self.path.name}"


def steps(path):
    return [record["step"] for record in read_records(path)]


def test_reopening_drops_what_lies_beyond_the_step_and_a_cut_line(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1, "x": 0.5}\n{"step": 2}\n{"step": 3}\n{"step": 4, "x": 0.')
    assert steps(path) == [1, 2, 3]
    file = RecordsFile(path, step=2)
    file.write({"step": 3, "x": 1.5})
    # At once in the file, without a flush: a kill loses nothing.
    assert read_records(path) == [{"step": 1, "x": 0.5}, {"step": 2}, {"step": 3, "x": 1.5}]
    file.close()
    assert [p.name for p in tmp_path.iterdir()] == ["metrics.jsonl"]


def test_no_file_has_no_records(tmp_path):
    assert read_records(tmp_path / "metrics.jsonl") == []


def test_where_nothing_can_be_appended_flushes_write_the_whole(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1}\n{"step": 2}\n')
    file = RecordsFile(Bucket(path), step=1)
    file.write({"step": 2, "x": 1.0})
    assert steps(path) == [1]
    file.flush()
    assert read_records(path) == [{"step": 1}, {"step": 2, "x": 1.0}]
    file.write({"step": 3})
    file.close()
    assert steps(path) == [1, 2, 3]


@pytest.mark.parametrize("seed", range(5))
def test_a_flipped_bit_in_a_line_is_found_named_and_counted(tmp_path, caplog, seed):
    path = tmp_path / "metrics.jsonl"
    records = [{"step": step, "d/loss": step / 7, "stage": "x8"} for step in range(1, 6)]
    content = bytearray("".join(line_of(record, "metrics.jsonl") for record in records).encode())
    rng = np.random.default_rng(seed)
    place = int(rng.integers(len(content) - 1))
    while content[place] == ord("\n"):
        place += 1
    content[place] ^= 1 << int(rng.integers(7))
    path.write_bytes(content)
    found, damaged, *_ = read_lines(path)
    assert damaged and all(record in records for record in found)
    with caplog.at_level(logging.WARNING, "jaxgan"):
        RecordsFile(path, step=9).close()
    assert f"{path}: left out {len(damaged)} damaged" in caplog.text
    assert read_lines(path) == (found, [], False, [])


def test_foreign_lines_are_left_out_and_counted(tmp_path, caplog):
    path = tmp_path / "metrics.jsonl"
    first, last = (line_of({"step": step}, path.name) for step in (1, 2))
    path.write_text(first + 'hello\n[1, 2]\n{"epoch": 3}\n' + last)
    with caplog.at_level(logging.WARNING, "jaxgan"):
        RecordsFile(path, step=9).close()
    assert "left out 3 damaged or foreign lines, of numbers 2, 3, 4" in caplog.text
    assert steps(path) == [1, 2]


def test_files_that_changed_places_are_damaged(tmp_path):
    for name in ("metrics.jsonl", "scores.jsonl"):
        file = RecordsFile(tmp_path / name, step=0)
        file.write({"step": 1})
        file.close()
    (tmp_path / "metrics.jsonl").replace(tmp_path / "scores.jsonl")
    assert read_lines(tmp_path / "scores.jsonl") == ([], [1], False, [])


@pytest.mark.parametrize(
    "line",
    [
        line_of({"step": 2}, "metrics.jsonl").replace("crc32", "crc33"),
        '{"step": 2}\n',
        '{"step": 2, "x": ' + "[" * 100_000 + "\n",
    ],
    ids=["flipped key", "foreign", "deeply nested"],
)
def test_next_to_lines_with_a_checksum_one_without_is_damaged(tmp_path, line):
    path = tmp_path / "metrics.jsonl"
    path.write_text(line + line_of({"step": 3}, path.name))
    assert read_lines(path) == ([{"step": 3}], [1], False, [])
    # A file whose every line lost it passes for an earlier version's, unless it is known to be none.
    path.write_text('{"step": 2}\n')
    assert read_lines(path).records == [{"step": 2}] and read_lines(path, checked=True).damaged == [1]


def test_of_two_lines_of_a_step_the_first_is_taken_and_what_is_left_out_is_said(tmp_path, caplog):
    path = tmp_path / "metrics.jsonl"
    lines = [line_of({"step": step, "x": x}, path.name) for step, x in [(1, 0), (3, 0), (2, 0), (3, 1), (4, 0), (5, 0)]]
    path.write_text("".join(lines)[:-3])
    with caplog.at_level(logging.INFO, "jaxgan"):
        RecordsFile(path, step=3).close()
    assert read_records(path) == [{"step": step, "x": 0} for step in (1, 2, 3)]
    assert "the steps of 2 lines do not rise, of numbers 3, 4" in caplog.text
    assert "a last line that is cut short" in caplog.text and "dropped 1 records after step 3" in caplog.text
