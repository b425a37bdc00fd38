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
    found, damaged = read_lines(path)
    assert damaged and all(record in records for record in found)
    with caplog.at_level(logging.WARNING, "jaxgan"):
        RecordsFile(path, step=9).close()
    assert f"{path}: left out {len(damaged)} damaged" in caplog.text
    assert read_lines(path) == (found, [])


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
    assert read_lines(tmp_path / "scores.jsonl") == ([], [1])
