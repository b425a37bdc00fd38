"""JSON lines with a checksum each, of the line and its file's name: metrics.jsonl, scores.jsonl, goodput.jsonl."""

import json
import logging
import zlib
from typing import Any

from etils import epath

from jaxgan.training.storage import write_whole, writing

log = logging.getLogger("jaxgan")

CHECKSUM = "crc32"


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


def record_of(line: str, name: str) -> dict[str, Any] | None:
    """The record of a line of the file ``name``, without its checksum; None where it is damaged, or no JSON object with
    a step. Lines of earlier versions, which have no checksum, are taken as they are.
    """
    try:
        record = json.loads(line)
    except ValueError:
        return None
    if not isinstance(record, dict) or type(record.get("step")) is not int:
        return None
    saved = record.pop(CHECKSUM, None)
    try:
        sound = saved is None or saved == _checksum(record, name)
    except ValueError:
        return None
    return record if sound else None


def read_lines(path: epath.PathLike) -> tuple[list[dict[str, Any]], list[int]]:
    """(the records of a file in order, the numbers of its damaged lines, from 1). A last line without its end, which
    a kill cut short, is neither. A missing file has none.
    """
    path = epath.Path(path)
    if not path.exists():
        return [], []
    records, damaged = [], []
    lines = path.read_bytes().decode(errors="replace").split("\n")
    for number, line in enumerate(lines, 1):
        record = record_of(line, path.name) if line else None
        if record is not None:
            records.append(record)
        elif line and number < len(lines):
            damaged.append(number)
    return records, damaged


def read_records(path: epath.PathLike) -> list[dict[str, Any]]:
    """The records of a file, in order; damaged lines are left out, and one warning counts them."""
    records, damaged = read_lines(path)
    if damaged:
        numbers = ", ".join(map(str, damaged[:10])) + (" and more" if len(damaged) > 10 else "")
        log.warning("%s: left out %d damaged or foreign lines, of numbers %s", path, len(damaged), numbers)
    return records


class RecordsFile:
    """A JSON object a line, steps rising.

    Opening at ``step`` drops what a killed run wrote beyond it, and damaged lines, which it counts; what is left is
    written as a new file that takes the place of the old. Object stores cannot append: there the file is written again
    at each flush.
    """

    def __init__(self, path: epath.PathLike, *, step: int):
        self._path = epath.Path(path)
        self._append = "://" not in str(path)
        kept = [r for r in read_records(self._path) if r["step"] <= step]
        self._lines = [line_of(r, self._path.name) for r in kept]
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
            return
        with writing(self._path):
            self._path.stat()  # an open file whose name is gone takes lines that nobody will read
            self._file.write(line)
            self._file.flush()

    def flush(self) -> None:
        """Makes sure that all records are in the file."""
        if self._file is None:
            with writing(self._path):
                self._path.write_text("".join(self._lines))

    def close(self) -> None:
        """Flushes and closes."""
        self.flush()
        if self._file is not None:
            self._file.close()
