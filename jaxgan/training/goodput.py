"""Goodput: where a run's time went (compile, data wait, step, save, restore, evaluate, wasted), over all its starts."""

import contextlib
import logging
import math
import time
from collections.abc import Iterator
from typing import Any

import jax
from etils import epath

from jaxgan.training.records import line_of, read_records
from jaxgan.training.storage import writing

log = logging.getLogger("jaxgan")

KINDS = ("initialise", "restore", "compile", "data_wait", "step", "save", "evaluate")


# What a later start does again where the one before did not save it.
_REPEATED = ("step", "data_wait", "evaluate", "save")


class Goodput:
    """A ledger of seconds by kind, kept in ``goodput.jsonl``: a line now and then, its sums those of this start.

    Time that falls under no other kind, and is no wait for data, is that of steps. A start has a part for each time
    that it went on from a checkpoint: one, and one for every rollback.
    """

    def __init__(self, workdir: epath.PathLike, *, began: float):
        """Opens the ledger.

        Args:
          workdir: the run's folder.
          began: ``time.monotonic()`` of the process's start of work.
        """
        self._path = epath.Path(workdir) / "goodput.jsonl"
        self._began = began
        self._start = f"{time.time_ns():x}"
        self._seconds = dict.fromkeys(KINDS, 0.0)
        self._running: tuple[str, float] | None = None
        # Object stores cannot append.
        self._writes = jax.process_index() == 0 and "://" not in str(workdir)
        self._resumed_at: int | None = None
        self._part, self._step = 0, 0

    @property
    def resumed_at(self) -> int | None:
        """The step that this start went on from, or went back to; None before. Setting it begins a part."""
        return self._resumed_at

    @resumed_at.setter
    def resumed_at(self, step: int) -> None:
        self._resumed_at, self._step, self._part = step, step, self._part + 1

    @contextlib.contextmanager
    def time(self, kind: str) -> Iterator[None]:
        """Counts the block's time as ``kind``."""
        began = time.monotonic()
        self._running = (kind, began)
        try:
            yield
        finally:
            self._running = None
            self._seconds[kind] += time.monotonic() - began

    def add(self, kind: str, seconds: float) -> None:
        """Counts ``seconds`` as ``kind``."""
        self._seconds[kind] += seconds

    def write(self, step: int) -> None:
        """Adds a line: how the time of this start was spent up to ``step``. Object stores, which cannot append, get
        none.
        """
        self._step = step
        self._add_line(step)

    def cut_short(self) -> None:
        """Adds a last line, from any thread: the time since the line before it brought no step to its end."""
        self._add_line(self._step + 1)

    def _add_line(self, step: int) -> None:
        if not self._writes:
            return
        now = time.monotonic()
        spent, running = dict(self._seconds), self._running
        if running is not None:
            spent[running[0]] += now - running[1]
        spent["step"] = max(now - self._began - sum(spent.values()), 0.0)
        record = {"step": step, "start": self._start, "part": self._part, "resumed_at": self.resumed_at}
        record["seconds"] = {kind: round(value, 3) for kind, value in spent.items()}
        with writing(self._path), open(self._path, "a") as file:
            file.write(line_of(record, self._path.name))


def summary(workdir: epath.PathLike) -> dict[str, float]:
    """Seconds by kind over all starts of a run; 'wasted' are those of steps that a later start, or the same one after a
    rollback, did again, and are in no other kind. Lines of another form are left out, and counted in a warning.
    """
    path = epath.Path(workdir) / "goodput.jsonl"
    records = read_records(path)
    lines = [record for record in records if _is_of_ledger(record)]
    if len(lines) < len(records):
        log.warning("%s: left out %d lines that say no seconds", path, len(records) - len(lines))
    parts: dict[tuple[str, int | None], list[dict[str, Any]]] = {}
    for line in lines:
        # Earlier versions do not number parts.
        parts.setdefault((line["start"], line.get("part", line["resumed_at"])), []).append(line)
    spent = dict.fromkeys(KINDS, 0.0) | {"wasted": 0.0}
    of_start: dict[str, dict[str, float]] = {}
    resumed = [part[0]["resumed_at"] for part in parts.values()]
    for number, ((start, _), part) in enumerate(parts.items(), 1):
        before = of_start.get(start, {})
        used = _since(before, part[-1])
        of_start[start] = part[-1]["seconds"]
        # A part that never came to its checkpoint says nothing of those before.
        later = [step for step in resumed[number:] if step is not None]
        if later:
            kept = [line for line in part if line["step"] <= min(later)]
            of_kept = _since(before, kept[-1]) if kept else dict.fromkeys(KINDS, 0.0)
            lost = {kind: used[kind] - of_kept[kind] for kind in _REPEATED}
            spent["wasted"] += sum(lost.values())
            used = {kind: seconds - lost.get(kind, 0.0) for kind, seconds in used.items()}
        for kind in KINDS:
            spent[kind] += used[kind]
    return spent


def _since(before: dict[str, float], line: dict[str, Any]) -> dict[str, float]:
    """Seconds by kind of a start from the sums ``before`` to those of a line."""
    return {kind: line["seconds"].get(kind, 0.0) - before.get(kind, 0.0) for kind in KINDS}


def _is_of_ledger(record: dict[str, Any]) -> bool:
    seconds = record.get("seconds")
    return (
        isinstance(record.get("start"), str)
        and "resumed_at" in record
        and all(isinstance(record.get(name), int | None) for name in ("part", "resumed_at"))
        and isinstance(seconds, dict)
        and all(isinstance(value, int | float) and math.isfinite(value) for value in seconds.values())
    )


def sentence(spent: dict[str, float]) -> str:
    """The summary as one line, largest first."""
    total = sum(spent.values()) or 1.0
    parts = sorted(spent.items(), key=lambda item: -item[1])
    shown = [f"{kind.replace('_', ' ')} {seconds / total:.1%}" for kind, seconds in parts if seconds / total >= 0.0005]
    return f"{total:.0f} s in all: {', '.join(shown)}"
