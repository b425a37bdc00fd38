"""Going back in a run, on purpose: to its beginning, or to an earlier checkpoint. What is left behind is kept."""

import time

import jax
from etils import epath

from jaxgan.training.errors import UserError
from jaxgan.training.storage import writing

# What a run writes; its config and its lock stay where they are.
_PARTS = ("checkpoints", "quarantine", "samples", "tb", "metrics.jsonl", "scores.jsonl", "goodput.jsonl", "best.json")


def restart(workdir: epath.PathLike) -> None:
    """Moves all that the run has made to ``left/<time>/``, so that training begins at step 0.

    Raises:
      UserError: where the folder cannot be written.
    """
    root = epath.Path(workdir)
    present = [name for name in (*_PARTS, "pending.json") if (root / name).exists()]
    if present and jax.process_index() == 0:
        _move(root, present)
    _meet("restart")


def go_back(workdir: epath.PathLike, step: int) -> None:
    """Moves the checkpoints after ``step`` to ``left/<time>/``, so that training goes on from that step; records beyond
    it are dropped when the run opens them.

    Raises:
      UserError: where there is no checkpoint of that step, or the folder cannot be written.
    """
    root = epath.Path(workdir)
    folder = root / "checkpoints"
    steps = sorted(int(p.name) for p in folder.iterdir() if p.name.isdigit()) if folder.exists() else []
    if step not in steps:
        raise UserError(f"--from_step={step}: no such checkpoint in {folder}; there are {steps or 'none'}")
    later = [found for found in steps if found > step]
    if later and jax.process_index() == 0:
        _move(root, [f"checkpoints/{found}" for found in later])
    _meet("from_step")


def _move(root: epath.Path, names: list[str]) -> None:
    place = root / "left" / str(time.time_ns())
    with writing(place):
        for name in names:
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).rename(place / name)


def _meet(name: str) -> None:
    if jax.process_count() > 1:
        from jax.experimental import multihost_utils

        multihost_utils.sync_global_devices(f"jaxgan-{name}")
