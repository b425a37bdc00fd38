"""Going back in a run, on purpose: to its beginning, or to an earlier checkpoint. What is left behind is kept."""

import time

from etils import epath

from jaxgan.parallel import from_main, is_main
from jaxgan.training.checkpoint import saved_steps
from jaxgan.training.errors import UserError
from jaxgan.training.storage import names_in, writing

# What a run writes; its config and its lock stay where they are.
_PARTS = ("checkpoints", "quarantine", "samples", "tb", "metrics.jsonl", "scores.jsonl", "goodput.jsonl", "best.json")
_NOTES = ("records.json", "pending.json")


def restart(workdir: epath.PathLike) -> None:
    """Moves all that the run has made to ``left/<time>/``, so that training begins at step 0.

    Raises:
      UserError: where the folder cannot be read or written.
    """
    root = epath.Path(workdir)
    there = names_in(root)
    present = [name for name in (*_PARTS, *_NOTES) if name in there]
    if present and is_main():
        _move(root, present)
    from_main(0)  # the others wait


def go_back(workdir: epath.PathLike, step: int) -> None:
    """Moves the checkpoints after ``step`` to ``left/<time>/``, so that training goes on from that step; records beyond
    it are dropped when the run opens them.

    Raises:
      UserError: where there is no checkpoint of that step, or the folder cannot be written.
    """
    root = epath.Path(workdir)
    steps = saved_steps(root)
    if step not in steps:
        raise UserError(f"--from_step={step}: no such checkpoint in {root}/checkpoints; there are {steps or 'none'}")
    later = [found for found in steps if found > step]
    if later and is_main():
        _move(root, [f"checkpoints/{found}" for found in later])
    from_main(0)  # the others wait


def _move(root: epath.Path, names: list[str]) -> None:
    place = root / "left" / str(time.time_ns())
    with writing(place):
        for name in names:
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).rename(place / name)
