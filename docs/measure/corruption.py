"""Random damage to every kind of file of a run, and whether any comes back silently wrong: a count by outcome.

    python docs/measure/corruption.py --count=500

Each time one file of a small run is flipped, cut, zeroed by the page, deleted, or swapped with another, and the run is
opened as a restart opens it. Right is the state that was saved last, or, where that is damaged, the one before.
"""

import argparse
import collections
import logging
import random
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxgan.training.checkpoint import Checkpoints
from jaxgan.training.errors import UserError
from jaxgan.training.events import read_events
from jaxgan.training.records import read_lines
from jaxgan.training.workdir import read_config

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


def contents(workdir: Path, target: Any) -> dict[str, Any]:
    """Everything that a restart reads of a run."""
    found: dict[str, Any] = {"config": read_config(workdir)}
    checkpoints = Checkpoints(workdir)
    try:
        restored = checkpoints.restore(target)
    finally:
        checkpoints.close()
    assert restored is not None
    found["state"], found["meta"] = jax.tree.map(np.asarray, restored[0]), restored[1]
    for name in ("metrics.jsonl", "scores.jsonl"):
        found[name] = read_lines(workdir / name)[0]
    found["events"] = [e for p in sorted((workdir / "tb").glob("events*")) for e in read_events(p)[0]]
    return found


def equal(a: Any, b: Any) -> bool:
    """Whether two states are the same to the bit."""
    return all(np.array_equal(x, y) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))


def attack(workdir: Path, target: Any, sound: dict[int, Any], rng: random.Random) -> tuple[str, str, Path]:
    """Damages a copy of ``workdir`` and opens it; returns the outcome, how it was damaged, and where.

    Args:
      workdir: a whole run.
      target: to restore to.
      sound: step -> what :func:`contents` gives of the run with that newest checkpoint.
      rng: of the damage.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "run"
        shutil.copytree(workdir, copy)
        how, paths = damage(copy, rng)
        where = paths[0].relative_to(copy)
        try:
            found = contents(copy, target)
        except UserError:
            # A damaged config is refused by name, and so is a run of which no checkpoint is sound (two were swapped).
            touched = {
                path.relative_to(copy).parts[1] for path in paths if "checkpoints" in path.relative_to(copy).parts
            }
            refused = copy / "config.json" in paths or touched == {str(step) for step in sound}
            return ("refused" if refused else "lost"), how, where
    step = int(found["state"].step)
    right = step in sound and equal(found["state"], sound[step]["state"]) and found["meta"] == sound[step]["meta"]
    newest = sound[max(sound)]
    right &= found["config"] == newest["config"]
    for name in ("metrics.jsonl", "scores.jsonl", "events"):
        right &= all(record in newest[name] for record in found[name])
    if not right:
        return "silently wrong", how, where
    return ("whole" if step == max(sound) else "fell back"), how, where


def attacks(workdir: Path, target: Any, *, count: int, seed: int = 0) -> list[tuple[str, str, Path]]:
    """The outcomes of ``count`` attacks on a run with at least two checkpoints."""
    logging.getLogger("jaxgan").setLevel(logging.ERROR)
    logging.getLogger("absl").setLevel(logging.CRITICAL)
    sound: dict[int, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "run"
        shutil.copytree(workdir, copy)
        for step in sorted((int(p.name) for p in (copy / "checkpoints").iterdir()), reverse=True):
            sound[step] = contents(copy, target)
            shutil.rmtree(copy / "checkpoints" / str(step))
    return [attack(workdir, target, sound, random.Random(f"{seed} {number}")) for number in range(count)]


def table(outcomes: list[tuple[str, str, Path]], of: Callable[[tuple[str, str, Path]], str]) -> str:
    """Markdown: a row for each value of ``of``, a column for each outcome."""
    columns = ("whole", "fell back", "refused", "lost", "silently wrong")
    rows = collections.Counter((of(outcome), outcome[0]) for outcome in outcomes)
    names = sorted({name for name, _ in rows})
    lines = ["| | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    return "\n".join(lines + [f"| {n} | " + " | ".join(str(rows[n, c]) for c in columns) + " |" for n in names])


def main() -> None:
    """Trains a small run and attacks it."""
    made = argparse.ArgumentParser(description=__doc__)
    made.add_argument("--count", type=int, default=500)
    parsed = made.parse_args()

    from jaxgan.cli.main import main as cli
    from jaxgan.cli.run import saved_config
    from jaxgan.experiment.open_run import restore_target
    from jaxgan.parallel import make_mesh
    from jaxgan.recipes import build

    with tempfile.TemporaryDirectory() as folder:
        workdir = Path(folder) / "run"
        flags = ["--config.training.steps=6", "--config.training.save_every=2", "--config.training.log_every=1"]
        cli(["train", "--config=cgan:ring8,smoke", f"--workdir={workdir}", "--no_progress", *flags])
        from etils import epath

        target = restore_target(build(saved_config(epath.Path(workdir))), make_mesh())
        found = attacks(workdir, target, count=parsed.count)
    print(table(found, lambda outcome: outcome[1]))
    print()
    print(table(found, lambda outcome: outcome[2].parts[0]))
    for outcome, how, path in found:
        if outcome in ("lost", "silently wrong"):
            print(outcome, how, path)


if __name__ == "__main__":
    main()
