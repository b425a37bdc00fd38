"""A run's folder as a monitor shows it: records, alarms, samples, and where the time went."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from etils import epath

from jaxgan.training.alarms import Alarm, alarms, series_of
from jaxgan.training.goodput import sentence, summary
from jaxgan.training.records import read_records
from jaxgan.training.workdir import read_config


class Curve(NamedTuple):
    """One metric over the steps.

    Attributes:
      name: of the metric, with its stage's before it where there are stages.
      steps: [N] int.
      values: [N] float, NaN where it was not finite.
    """

    name: str
    steps: np.ndarray
    values: np.ndarray


class RunView(NamedTuple):
    """A run as its folder shows it.

    Attributes:
      name: of the folder.
      recipe: of its config.
      step: of the newest record; None where there is none yet.
      total_steps: that the config asks for; None where it does not say.
      curves: the metrics, those that tell the most first.
      alarms: by step.
      samples: (step, path) of the grids of samples, by step.
      time: where the time went, in one sentence; None where nothing is known.
    """

    name: str
    recipe: str
    step: int | None
    total_steps: int | None
    curves: Sequence[Curve]
    alarms: Sequence[Alarm]
    samples: Sequence[tuple[int, epath.Path]]
    time: str | None


# Endings of metrics, from those that tell the most.
_ORDER = ("loss", "gap", "real", "fake", "grad_norm", "update_ratio", "spread", "spread_projected")


def _rank(name: str) -> tuple[int, int, str]:
    """Scores come first, then what ``_ORDER`` names, singular values and speeds last."""
    if "eval/" in name:
        return 0, 0, name
    last = name.rpartition("/")[2]
    if last in _ORDER:
        return 1, _ORDER.index(last), name
    return (3 if "/sigma" in name or "perf/" in name else 2), 0, name


def read_run(workdir: epath.PathLike) -> RunView:
    """Reads a run's folder, also while it trains; nothing is written.

    Raises:
      UserError: where the folder holds no run.
    """
    workdir = epath.Path(workdir)
    config = read_config(workdir)
    records = read_records(workdir / "metrics.jsonl")
    curves = [
        Curve(name if stage is None else f"{stage}: {name}", steps, values)
        for (stage, name), (steps, values) in series_of(records).items()
    ]
    return RunView(
        name=workdir.name,
        recipe=str(config.get("recipe", "?")),
        step=max((int(curve.steps[-1]) for curve in curves), default=None),
        total_steps=_total_steps(config),
        curves=sorted(curves, key=lambda curve: _rank(curve.name)),
        alarms=alarms(records),
        samples=_samples(workdir / "samples"),
        time=sentence(summary(workdir)) if (workdir / "goodput.jsonl").exists() else None,
    )


def _total_steps(config: Mapping[str, Any]) -> int | None:
    training = config.get("training")
    steps = training.get("steps") if isinstance(training, dict) else None
    return steps if type(steps) is int else None


def _samples(folder: epath.Path) -> list[tuple[int, epath.Path]]:
    """Grids by step; other names, such as panels of a step, are left out."""
    if not folder.exists():
        return []
    return sorted(
        (int(path.name[:-4]), path)
        for path in folder.iterdir()
        if path.name.endswith(".png") and path.name[:-4].isdecimal() and path.name.isascii()
    )
