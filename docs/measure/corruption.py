"""Random damage to every kind of file of a run, and whether any comes back silently wrong: a count by outcome.

    python docs/measure/corruption.py --count=500

Each time one file of a small run is flipped, cut, zeroed by the page, deleted, or swapped with another, and the run is
opened as a restart opens it. Right is the state that was saved last, or, where that is damaged, the one before, with
the config, the scores that are still to come, the best checkpoint, and every record up to it; records may be lost where
the restart says how many.
"""

import argparse
import collections
import logging
import random
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import jax
import numpy as np

from jaxgan.training.best import Best, read_best
from jaxgan.training.checkpoint import Checkpoints, saved_steps
from jaxgan.training.errors import UserError
from jaxgan.training.events import read_events
from jaxgan.training.logging import Writer
from jaxgan.training.pending import Pending
from jaxgan.training.record_counts import COUNTED
from jaxgan.training.records import read_lines
from jaxgan.training.workdir import claim_config, read_config

PAGE_BYTES = 4096


def flip(content: bytearray, rng: random.Random) -> bytes:
    """One bit."""
    content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    return bytes(content)


def cut(content: bytearray, rng: random.Random) -> bytes:
    """The end is gone."""
    return bytes(content[: rng.randrange(len(content))])


def zero(content: bytearray, rng: random.Random) -> bytes:
    """A page of zeros."""
    start = rng.randrange(len(content)) // PAGE_BYTES * PAGE_BYTES
    end = min(start + PAGE_BYTES, len(content))
    return bytes(content[:start]) + bytes(end - start) + bytes(content[end:])


def damage(workdir: Path, rng: random.Random) -> tuple[str, list[Path]]:
    """Damages one file of a run, or two that change places; returns how, and which."""
    files = sorted(p for p in workdir.rglob("*") if p.is_file() and p.stat().st_size)
    # Each kind of file as often, however many there are of it.
    kinds = collections.defaultdict(list)
    for path in files:
        parts = path.relative_to(workdir).parts
        kinds[parts[0], parts[-2] if len(parts) > 3 else parts[-1]].append(path)
    path = rng.choice(kinds[rng.choice(sorted(kinds))])
    how = rng.choice(["flip", "flip", "cut", "zero", "delete", "swap"])
    if how == "delete":
        path.unlink()
    elif how == "swap":
        other = rng.choice([p for p in files if p != path])
        mine, theirs = path.read_bytes(), other.read_bytes()
        path.write_bytes(theirs)
        other.write_bytes(mine)
        return how, [path, other]
    else:
        path.write_bytes({"flip": flip, "cut": cut, "zero": zero}[how](bytearray(path.read_bytes()), rng))
    return how, [path]


class Run(NamedTuple):
    """A run to attack.

    Attributes:
      workdir: its folder, whole.
      config: that it was started under.
      target: a state to restore to.
      best, best_is: the score that it follows, and whether 'min' or 'max' of it is best.
    """

    workdir: Path
    config: dict[str, Any]
    target: Any
    best: str
    best_is: str


@contextmanager
def said() -> Iterator[list[str]]:
    """The warnings of jaxgan in the block, which are printed nowhere."""
    log, lines = logging.getLogger("jaxgan"), list[str]()
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    before = log.level, log.propagate
    log.addHandler(handler)
    log.setLevel(logging.WARNING)
    log.propagate = False
    try:
        yield lines
    finally:
        log.removeHandler(handler)
        log.setLevel(before[0])
        log.propagate = before[1]


def contents(workdir: Path, run: Run) -> dict[str, Any]:
    """Everything that a restart of ``run`` in ``workdir`` reads and keeps, and the number of records that it says are
    lost.
    """
    with said() as lines:
        claim_config(workdir, run.config)
        found: dict[str, Any] = {"config": read_config(workdir)}
        checkpoints = Checkpoints(workdir)
        try:
            restored = checkpoints.restore(run.target)
        finally:
            checkpoints.close()
        if restored is None:
            raise AssertionError("it begins at step 0")
        found["state"], found["meta"] = jax.tree.map(np.asarray, restored[0]), restored[1]
        step, counts = int(restored[0].step), restored[1]["records"]
        found["pending"] = Pending(workdir).read(step, restored[1])
        last = step if found["pending"] is None else step - 1
        found["best step"] = Best(workdir, run.best, run.best_is, step=last, checked=True).step
        Writer(workdir, step=last, counts=counts).close()
    found["best"] = read_best(workdir, checked=True)
    for name in COUNTED:
        found[name] = read_lines(workdir / name, checked=True).records
        lost = [re.search(rf"/{re.escape(name)}: (\d+) of \d+ records .* lost", line) for line in lines]
        found[f"said of {name}"] = sum(int(match[1]) for match in lost if match)
    # Each file begins with an event of its own, which says nothing.
    events = [e for p in sorted((workdir / "tb").glob("events*")) for e in read_events(p)[0]]
    found["events"] = [event for event in events if event.summary.value]
    return found


def equal(a: Any, b: Any) -> bool:
    """Whether two states are the same to the bit."""
    return all(np.array_equal(x, y) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))


def is_right(found: dict[str, Any], sound: dict[str, Any]) -> bool:
    """Whether a restart found what a restart from the same checkpoint of the whole run finds, except records that it
    said are lost, and what only they tell.
    """
    right = equal(found["state"], sound["state"])
    right &= all(found[name] == sound[name] for name in ("meta", "config", "pending"))
    lost = 0
    for name in COUNTED:
        missing = len(sound[name]) - len(found[name])
        right &= missing == found[f"said of {name}"] and all(record in sound[name] for record in found[name])
        lost += missing
    right &= lost > 0 or all(found[name] == sound[name] for name in ("best", "best step"))
    return bool(right and all(event in sound["events"] for event in found["events"]))


def attack(run: Run, sound: dict[int, dict[str, Any]], rng: random.Random) -> tuple[str, str, Path]:
    """Damages a copy of a run and opens it; returns the outcome, how it was damaged, and where.

    Args:
      run: whole.
      sound: step -> what :func:`contents` gives of the run with that newest checkpoint.
      rng: of the damage.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "run"
        shutil.copytree(run.workdir, copy)
        how, paths = damage(copy, rng)
        where = paths[0].relative_to(copy)
        try:
            found = contents(copy, run)
        except UserError:
            # Of no checkpoint left sound, where two were swapped.
            parts = [path.relative_to(copy).parts for path in paths]
            touched = {part[1] for part in parts if part[0] == "checkpoints"}
            return ("refused" if touched == {str(step) for step in sound} else "lost"), how, where
        except AssertionError:
            return "lost", how, where
        whole = (copy / "config.json").read_bytes() == (run.workdir / "config.json").read_bytes()
    step = int(found["state"].step)
    if step not in sound or not whole or not is_right(found, sound[step]):
        return "silently wrong", how, where
    if step < max(sound):
        return "fell back", how, where
    return ("records" if any(found[f"said of {name}"] for name in COUNTED) else "whole"), how, where


def attacks(run: Run, *, count: int, seed: int = 0) -> list[tuple[str, str, Path]]:
    """The outcomes of ``count`` attacks on a run with at least two checkpoints."""
    logging.getLogger("absl").setLevel(logging.CRITICAL)
    sound: dict[int, Any] = {}
    steps = saved_steps(run.workdir)
    for newest in steps:
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "run"
            shutil.copytree(run.workdir, copy)
            for step in steps:
                if step > newest:
                    shutil.rmtree(copy / "checkpoints" / str(step))
            sound[newest] = contents(copy, run)
    return [attack(run, sound, random.Random(f"{seed} {number}")) for number in range(count)]


def table(outcomes: list[tuple[str, str, Path]], of: Callable[[tuple[str, str, Path]], str]) -> str:
    """Markdown: a row for each value of ``of``, a column for each outcome."""
    columns = ("whole", "records", "fell back", "refused", "lost", "silently wrong")
    rows = collections.Counter((of(outcome), outcome[0]) for outcome in outcomes)
    names = sorted({name for name, _ in rows})
    lines = ["| | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    return "\n".join(lines + [f"| {n} | " + " | ".join(str(rows[n, c]) for c in columns) + " |" for n in names])


def small_run(workdir: Path) -> Run:
    """A run with a best checkpoint, which ended after its last save and before the scores of that step."""
    from etils import epath

    from jaxgan.cli.main import main as cli
    from jaxgan.cli.run import saved_config
    from jaxgan.experiment.open_run import restore_target
    from jaxgan.parallel import make_mesh
    from jaxgan.recipes import build
    from jaxgan.training.loop import _Run

    flags = [f"--config.training.{name}" for name in ("steps=6", "save_every=2", "log_every=1")]
    flags += ["--config.evaluation.every_steps=2", "--config.evaluation.best=eval/emd"]
    score = _Run.score

    def ended(self: _Run, number: int, state: Any, step: int, metrics: dict[str, Any]) -> None:
        if step == 6:
            raise KeyboardInterrupt
        score(self, number, state, step, metrics)

    with mock.patch.object(_Run, "score", ended):
        cli(["train", "--config=cgan:ring8,smoke", f"--workdir={workdir}", "--no_progress", *flags])
    target = restore_target(build(saved_config(epath.Path(workdir))), make_mesh())
    return Run(workdir, read_config(workdir), target, "eval/emd", "min")


def main() -> None:
    """Trains a small run and attacks it."""
    made = argparse.ArgumentParser(description=__doc__)
    made.add_argument("--count", type=int, default=500)
    made.add_argument("--seed", type=int, default=0)
    parsed = made.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        found = attacks(small_run(Path(folder) / "run"), count=parsed.count, seed=parsed.seed)
    print(table(found, lambda outcome: outcome[1]))
    print()
    print(table(found, lambda outcome: outcome[2].parts[0]))
    for outcome, how, path in found:
        if outcome in ("lost", "silently wrong"):
            print(outcome, how, path)


if __name__ == "__main__":
    main()
