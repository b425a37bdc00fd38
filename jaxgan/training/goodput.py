"""Goodput: where a run's time went (compile, data wait, step, save, restore, evaluate, wasted), over all its starts."""

import contextlib
import time
from collections.abc import Iterator
from typing import Any

import jax
from etils import epath

from jaxgan.training.records import line_of, read_records
from jaxgan.training.storage import writing

KINDS = ("initialise", "restore", "compile", "data_wait", "step", "save", "evaluate")


class Goodput:
    """A ledger of seconds by kind, kept in ``goodput.jsonl``: a line now and then, its sums those of this start.

    Time that falls under no other kind, and is no wait for data, is that of steps.
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
        self._local = "://" not in str(workdir)
        self.resumed_at = 0

    @contextlib.contextmanager
    def time(self, kind: str) -> Iterator[None]:
        """Counts the block's time as ``kind``."""
        began = time.monotonic()
        try:
            yield
        finally:
            self._seconds[kind] += time.monotonic() - began

    def add(self, kind: str, seconds: float) -> None:
        """Counts ``seconds`` as ``kind``."""
        self._seconds[kind] += seconds

    def write(self, step: int) -> None:
        """Adds a line: how the time of this start was spent up to ``step``. Object stores, which cannot append, get
        none.
        """
        if jax.process_index() != 0 or not self._local:
            return
        total = time.monotonic() - self._began
        spent = dict(self._seconds)
        spent["step"] = max(total - sum(spent.values()), 0.0)
        record = {"step": step, "start": self._start, "resumed_at": self.resumed_at}
        record["seconds"] = {kind: round(value, 3) for kind, value in spent.items()}
        with writing(self._path), open(self._path, "a") as file:
            file.write(line_of(record, self._path.name))


def summary(workdir: epath.PathLike) -> dict[str, float]:
    """Seconds by kind over all starts of a run; 'wasted' are those of steps that a later start did again, and are in no
    other kind.
    """
    starts: dict[str, list[dict[str, Any]]] = {}
    for record in read_records(epath.Path(workdir) / "goodput.jsonl"):
        starts.setdefault(record["start"], []).append(record)
    spent = dict.fromkeys(KINDS, 0.0) | {"wasted": 0.0}
    resumed = [lines[0]["resumed_at"] for lines in starts.values()]
    for lines, until in zip(starts.values(), [*resumed[1:], None]):
        used = lines[-1]["seconds"]
        if until is not None:
            kept = [line for line in lines if line["step"] <= until]
            of_kept = kept[-1]["seconds"] if kept else dict.fromkeys(KINDS, 0.0)
            lost = {kind: used[kind] - of_kept[kind] for kind in ("step", "data_wait", "evaluate", "save")}
            spent["wasted"] += sum(lost.values())
            used = {kind: seconds - lost.get(kind, 0.0) for kind, seconds in used.items()}
        for kind in KINDS:
            spent[kind] += used[kind]
    return spent


def sentence(spent: dict[str, float]) -> str:
    """The summary as one line, largest first."""
    total = sum(spent.values()) or 1.0
    parts = sorted(spent.items(), key=lambda item: -item[1])
    shown = [f"{kind.replace('_', ' ')} {seconds / total:.1%}" for kind, seconds in parts if seconds / total >= 0.0005]
    return f"{total:.0f} s in all: {', '.join(shown)}"
