"""JSON lines with a checksum each, of the line and its file's name: metrics.jsonl, scores.jsonl, goodput.jsonl."""

import json
import logging
import zlib
from collections.abc import Sequence
from typing import Any, NamedTuple

from etils import epath

from jaxgan.training.storage import read_or_none, write_whole, writing

log = logging.getLogger("jaxgan")

CHECKSUM = "crc32"
# A record a step; other files have several.
_RISING = ("metrics.jsonl",)


class Lines(NamedTuple):
    """The content of a file of records.

    Attributes:
      records: the sound ones; of metrics.jsonl with rising steps, each once.
      damaged: the numbers, from 1, of lines that are damaged or foreign.
      cut: whether the last line has no end and is not sound, as a kill leaves it.
      repeated: the numbers of lines of metrics.jsonl whose steps do not rise; of two of one step the first is taken.
    """

    records: list[dict[str, Any]]
    damaged: list[int]
    cut: bool
    repeated: list[int]


def _text(record: dict[str, Any]) -> str:
    return json.dumps(record, allow_nan=False)


def _checksum(record: dict[str, Any], name: str) -> str:
    # With the name, or two files that change places would each be sound.
    return f"{zlib.crc32(f'{name} {_text(record)}'.encode()):08x}"


def line_of(record: dict[str, Any], name: str) -> str:
    """A record as a line of the file ``name``, ending in the checksum of both.

    Raises:
      ValueError: where it holds NaN or infinity, which JSON has no words for.
    """
    return _text({**record, CHECKSUM: _checksum(record, name)}) + "\n"


def _parsed(line: str, name: str) -> tuple[dict[str, Any], bool] | None:
    """(the record of a line, whether it has a checksum); None where it is damaged."""
    try:
        record = json.loads(line)
        if not isinstance(record, dict) or type(record.get("step")) is not int:
            return None
        saved = record.pop(CHECKSUM, None)
        if saved is not None and saved != _checksum(record, name):
            return None
    except (ValueError, RecursionError):
        return None
    return record, saved is not None


def record_of(line: str, name: str, *, checked: bool = False) -> dict[str, Any] | None:
    """The record of a line of the file ``name``, without its checksum; None where it is damaged, or no JSON object with
    a step. Lines of earlier versions, which have no checksum, are taken as they are, unless ``checked``.
    """
    found = _parsed(line, name)
    return None if found is None or (checked and not found[1]) else found[0]


def read_lines(path: epath.PathLike, *, checked: bool = False) -> Lines:
    """The content of a file of records; a missing file has none.

    Where one line has a checksum all must have one, and where ``checked`` they must in any case: else a line whose
    checksum is not found any more, or that someone else wrote, would pass for one of an earlier version.

    Raises:
      UnreadableError: where storage fails.
    """
    path = epath.Path(path)
    lines = (read_or_none(path) or b"").decode(errors="replace").split("\n")
    parsed = [(number, line, _parsed(line, path.name)) for number, line in enumerate(lines, 1) if line]
    checked = checked or any(found is not None and found[1] for _, _, found in parsed)
    sound, damaged, cut = [], [], False
    for number, _, found in parsed:
        if found is not None and (found[1] or not checked):
            sound.append((number, found[0]))
        elif number < len(lines):
            damaged.append(number)
        else:
            cut = True
    if path.name not in _RISING:
        return Lines([record for _, record in sound], damaged, cut, [])
    first: dict[int, dict[str, Any]] = {}
    repeated, highest = [], None
    for number, record in sound:
        if highest is not None and record["step"] <= highest:
            repeated.append(number)
        highest = record["step"] if highest is None else max(highest, record["step"])
        first.setdefault(record["step"], record)
    return Lines([first[step] for step in sorted(first)], damaged, cut, repeated)


def _numbers(found: Sequence[int]) -> str:
    return ", ".join(map(str, found[:10])) + (" and more" if len(found) > 10 else "")


def _say(path: epath.PathLike, found: Lines) -> None:
    """One warning a kind of what is not taken from a file."""
    if found.damaged:
        count, numbers = len(found.damaged), _numbers(found.damaged)
        log.warning("%s: left out %d damaged or foreign lines, of numbers %s", path, count, numbers)
    if found.repeated:
        numbers = _numbers(found.repeated)
        log.warning("%s: the steps of %d lines do not rise, of numbers %s", path, len(found.repeated), numbers)


def read_records(path: epath.PathLike) -> list[dict[str, Any]]:
    """The records of a file, in order; damaged lines are left out, and one warning counts them."""
    found = read_lines(path)
    _say(path, found)
    return found.records


class RecordsFile:
    """A JSON object a line, steps rising.

    Opening at ``step`` drops what a killed run wrote beyond it, and damaged lines, which it counts; what is left is
    written as a new file that takes the place of the old. Object stores cannot append: there the file is written again
    at each flush.

    Attributes:
      count: of its records.
    """

    def __init__(self, path: epath.PathLike, *, step: int, checked: bool = False):
        self._path = epath.Path(path)
        self._append = "://" not in str(path)
        found = read_lines(self._path, checked=checked)
        _say(path, found)
        if found.cut:
            log.warning("%s: left out a last line that is cut short, as a kill leaves it", path)
        kept = [r for r in found.records if r["step"] <= step]
        if beyond := len(found.records) - len(kept):
            log.info("%s: dropped %d records after step %d, from which the run goes on", path, beyond, step)
        self._lines = [line_of(r, self._path.name) for r in kept]
        self.count = len(kept)
        write_whole(self._path, "".join(self._lines))
        with writing(self._path):
            self._file = open(self._path, "a") if self._append else None  # noqa: SIM115 (open for the run)

    def write(self, record: dict[str, Any]) -> None:
        """Adds one record.

        Raises:
          UserError: where it cannot be written, or the file is no longer there.
        """
        line = line_of(record, self._path.name)
        if self._file is None:
            self._lines.append(line)
        else:
            with writing(self._path):
                self._path.stat()  # an open file whose name is gone takes lines that nobody will read
                self._file.write(line)
                self._file.flush()
        self.count += 1

    def flush(self) -> None:
        """Makes sure that all records are in the file."""
        if self._file is None:
            with writing(self._path):
                self._path.write_text("".join(self._lines))

    def close(self) -> None:
        """Flushes and closes.

        Raises:
          UserError: where a line is left that cannot be written.
        """
        self.flush()
        if self._file is not None:
            with writing(self._path):
                self._file.close()
