"""How many records a run has written, kept in another file and in its checkpoints, so that lost ones are noticed."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from etils import epath

from jaxgan.training.records import line_of, read_lines, record_of
from jaxgan.training.storage import read_or_none, write_whole

log = logging.getLogger("jaxgan")

COUNTED = ("metrics.jsonl", "scores.jsonl")
NAME = "records.json"
# Steps remembered: more than a run keeps checkpoints of.
_STEPS = 64


class Count(NamedTuple):
    """The number of records of each file up to a step, the step included."""

    step: int
    records: Mapping[str, int]


class Lost(NamedTuple):
    """Records of a file that were counted up to a step, and are no longer there."""

    name: str
    lost: int
    counted: int
    step: int

    def __str__(self) -> str:
        return f"{self.lost} of {self.counted} records up to step {self.step} are lost"


def read_counts(workdir: epath.PathLike) -> list[Count] | None:
    """The counts in ``records.json``, oldest first; None where it is missing or damaged.

    Raises:
      UnreadableError: where storage fails.
    """
    content = read_or_none(epath.Path(workdir) / NAME)
    record = None if content is None else record_of(content.decode(errors="replace"), NAME, checked=True)
    if record is None:
        return None
    return [Count(step, dict(zip(COUNTED, numbers))) for step, *numbers in record["counts"]]


def write_counts(workdir: epath.PathLike, counts: Sequence[Count]) -> None:
    """Writes ``records.json``: the newest of ``counts``, which are in the order of their steps."""
    kept = [[count.step, *(count.records[name] for name in COUNTED)] for count in counts[-_STEPS:]]
    write_whole(epath.Path(workdir) / NAME, line_of({"step": counts[-1].step, "counts": kept}, NAME))


def counted_again(workdir: epath.PathLike, steps: Iterable[int], *, checked: bool = False) -> list[Count]:
    """The counts at ``steps`` of the records that are there."""
    root = epath.Path(workdir)
    found = {name: [r["step"] for r in read_lines(root / name, checked=checked).records] for name in COUNTED}
    return [Count(at, {name: sum(step <= at for step in found[name]) for name in COUNTED}) for at in sorted(set(steps))]


def lost_records(workdir: epath.PathLike, counts: Sequence[Count], *, checked: bool = False) -> list[Lost]:
    """The files of a run that hold fewer sound records than ``counts`` say, with the most that is missing."""
    here = {count.step: count.records for count in counted_again(workdir, [c.step for c in counts], checked=checked)}
    found = []
    for name in COUNTED:
        missing = [(c.records[name] - here[c.step][name], c) for c in counts if name in c.records]
        lost, at = max(missing, key=lambda pair: (pair[0], pair[1].step), default=(0, None))
        if lost > 0 and at is not None:
            found.append(Lost(name, lost, at.records[name], at.step))
    return found


def check_counts(workdir: epath.PathLike, saved: Mapping[str, int] | None, *, step: int) -> list[Count]:
    """Says which records up to ``step`` are lost, a loud line a file; returns the counts of those that are there.

    Args:
      workdir: the run's folder.
      saved: the counts of the checkpoint that the run goes on from; None where it has none, or is of a version that did
        not count.
      step: the last one whose records are kept.
    """
    checked = saved is not None
    noted = read_counts(workdir)
    if noted is None and checked:
        log.warning(
            "%s is missing or damaged, and written again: whether scores of step %d are lost is not known",
            epath.Path(workdir) / NAME,
            step,
        )
    known = [count for count in noted or [] if count.step <= step]
    counts = known if saved is None else [*known, Count(step, saved)]
    for lost in lost_records(workdir, counts, checked=checked):
        log.warning("%s: %s; the others are kept", epath.Path(workdir) / lost.name, lost)
    return counted_again(workdir, [*(count.step for count in known), step], checked=checked)
