"""Going back in a run, on purpose: to its beginning, or to an earlier checkpoint. What is left behind is kept."""

import contextlib
import json
import time
from collections.abc import Callable, Iterator

from etils import epath

from jaxgan.parallel import from_main, is_main
from jaxgan.training.checkpoint import Checkpoints, DamagedCheckpointError, saved_steps
from jaxgan.training.errors import UserError
from jaxgan.training.state import TrainState
from jaxgan.training.storage import names_in, writing

_RECORDS = ("metrics.jsonl", "scores.jsonl", "records.json")
_NOTES = ("goodput.jsonl", "best.json", "pending.json", "convolutions.json")
# What a run writes; its config and its lock stay where they are. Checkpoints go last: while they are there, nothing has
# begun anew.
_PARTS = ("samples", "tb", *_RECORDS, *_NOTES, "quarantine", "checkpoints")


def restart(workdir: epath.PathLike) -> None:
    """Moves all that the run has made to ``left/<time>/``, so that training begins at step 0.

    Raises:
      UserError: where the folder cannot be read or written.
    """
    root = epath.Path(workdir)
    there = names_in(root)
    present = [name for name in _PARTS if name in there]
    if present and is_main():
        with _left_behind(root) as place:
            _move(root, place, present)
    from_main(0)  # the others wait


def go_back(workdir: epath.PathLike, step: int, target: Callable[[], TrainState]) -> None:
    """Has training go on from ``step``: once its checkpoint was read and found sound, the later ones, their pictures
    and best.json move to ``left/<time>/``, with copies of the records and events, of which a run drops those after the
    step that it goes on from.

    Args:
      workdir: the run's folder.
      step: of a checkpoint.
      target: makes what the checkpoint is restored to, as :meth:`Checkpoints.restore` takes it.

    Raises:
      UserError: where there is no checkpoint of that step, it is damaged or of another model, or the folder cannot be
        written; nothing is moved then.
    """
    root = epath.Path(workdir)
    steps = saved_steps(root)
    if step not in steps:
        raise UserError(f"--from_step={step}: no such checkpoint in {root}/checkpoints; there are {steps or 'none'}")
    _check_sound(root, step, target())
    later = [found for found in reversed(steps) if found > step]
    if later and is_main():
        with _left_behind(root) as place:
            _copy(root, place, [name for name in _RECORDS if (root / name).exists()])
            _copy(root, place, [f"tb/{path.name}" for path in _inside(root / "tb")])
            pictures = [f"samples/{path.name}" for path in _inside(root / "samples") if _step_of(path) > step]
            _move(root, place, [*pictures, *_named_later(root, step)])
            # The newest first, so that the others are a run's at any moment.
            _move(root, place, [f"checkpoints/{found}" for found in later])
    from_main(0)  # the others wait


def _check_sound(root: epath.Path, step: int, target: TrainState) -> None:
    checkpoints = Checkpoints(root, read_only=True)
    try:
        checkpoints.restore(target, step)
    except DamagedCheckpointError as error:
        others = [found for found in saved_steps(root) if found != step]
        raise UserError(
            f"--from_step={step}: that checkpoint is damaged ({str(error).splitlines()[0][:200]}), and nothing was "
            f"moved; choose another, there are {others or 'none'}"
        ) from error
    finally:
        checkpoints.close()


def _named_later(root: epath.Path, step: int) -> list[str]:
    """The files that name a step later than this one, or none that can be read."""

    def is_later(path: epath.Path) -> bool:
        try:
            return int(json.loads(path.read_text())["step"]) > step
        except (ValueError, KeyError, TypeError):
            return True

    return [name for name in ("best.json", "pending.json") if (root / name).exists() and is_later(root / name)]


def _inside(folder: epath.Path) -> list[epath.Path]:
    return sorted(folder.iterdir()) if folder.exists() else []


def _step_of(picture: epath.Path) -> int:
    """The step that a picture's name begins with; -1 of someone else's file."""
    number = picture.stem.partition("-")[0]
    return int(number) if number.isascii() and number.isdecimal() else -1


@contextlib.contextmanager
def _left_behind(root: epath.Path) -> Iterator[epath.Path]:
    """A folder for what is left behind. It takes its name at the end: one that a kill cut short is '<time>.part'."""
    place = root / "left" / str(time.time_ns())
    part = place.with_name(f"{place.name}.part")
    with writing(place):
        part.mkdir(parents=True)
        yield part
        part.rename(place)


def _move(root: epath.Path, place: epath.Path, names: list[str]) -> None:
    for name in names:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).rename(place / name)


def _copy(root: epath.Path, place: epath.Path, names: list[str]) -> None:
    for name in names:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).copy(place / name)
