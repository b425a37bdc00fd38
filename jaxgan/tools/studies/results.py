"""Study results on disk: ``results.jsonl``, a line per variant and seed."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from etils import epath

from jaxgan.training.records import read_records
from jaxgan.training.strict_json import strict_json

FINISHED, DIVERGED = "finished", "diverged"
# Names that earlier versions wrote.
_RENAMED = {"lanes": "members"}


class Result(NamedTuple):
    """One run.

    Attributes:
      variant, seed: which.
      status: 'finished', or 'diverged' where a metric was not finite.
      step: G updates done; where it diverged, the logged step that showed it.
      images: real images of one D update, times ``step``: what the paper counts.
      seconds: wall time, compilation and scores included, of all parts of the run that ended in order.
      images_per_second: while training, without compilation and scores; None where none was logged.
      scores: 'eval/...' of the last record that has any.
      noise_scale: player -> gradient noise scale in examples over the last quarter; empty where it is not logged.
      config: fingerprint of the run's config.
      members: runs that were trained together as one program; ``seconds`` are of all of them, ``images_per_second`` is
        this one's share.
    """

    variant: str
    seed: int
    status: str
    step: int
    images: int
    seconds: float
    images_per_second: float | None
    scores: dict[str, float]
    noise_scale: dict[str, float]
    config: str
    members: int = 1


def read_results(workdir: epath.PathLike) -> list[Result]:
    """The lines of results.jsonl, in order; none where there is no such file."""
    records = read_records(epath.Path(workdir) / "results.jsonl")
    renamed = [{_RENAMED.get(name, name): value for name, value in record.items()} for record in records]
    found = [Result(**{name: r[name] for name in Result._fields if name in r}) for r in renamed]
    # A score that is infinite is a text there.
    return [r._replace(scores={name: float(value) for name, value in r.scores.items()}) for r in found]


def add_results(workdir: epath.PathLike, results: Sequence[Result]) -> None:
    """Adds lines to results.jsonl, all or none. Object stores cannot append: there the file is written again."""
    path = epath.Path(workdir) / "results.jsonl"
    lines = "".join(strict_json(result._asdict()) + "\n" for result in results)
    if "://" in str(path):
        path.write_text((path.read_text() if path.exists() else "") + lines)
        return
    with open(path, "a") as file:  # one write: lines of other processes stay whole
        file.write(lines)


def noise_scales(records: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Player -> gradient noise scale over the last quarter of a run's records.

    The mean of tr(Sigma) over the mean of |G|^2, not the mean of their ratio, which is biased (McCandlish et al. 2018,
    arXiv:1812.06162, appendix A.1). Players whose mean |G|^2 is not positive, too noisy to tell, are left out.
    """
    last = records[-1]["step"] if records else 0
    tail = [r for r in records if 4 * r["step"] > 3 * last]
    found = {}
    for name in sorted({key for record in tail for key in record if key.endswith("/gradient_noise")}):
        player = name.removesuffix("/gradient_noise")
        square, noise = (mean(_values(tail, f"{player}/{part}")) for part in ("gradient_square", "gradient_noise"))
        if square is not None and noise is not None and square > 0:
            found[player] = noise / square
    return found


def last_scores(records: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """The 'eval/...' of the last record that has any."""
    for record in reversed(records):
        found = {k: v for k, v in record.items() if k.startswith("eval/") and v is not None}
        if found:
            return found
    return {}


def diverged_at(records: Sequence[Mapping[str, Any]]) -> int | None:
    """The step of the last record where it holds a metric of training that was not finite (null in metrics.jsonl), else
    None. Scores ('eval/...') do not count: one may be infinite, or not defined, of a run that is well.
    """
    if records and any(value is None for name, value in records[-1].items() if not name.startswith("eval/")):
        return records[-1]["step"]
    return None


def training_speed(records: Sequence[Mapping[str, Any]]) -> float | None:
    """Images a second over all records that give it.

    They are of stretches of as many images, except the first: it is empty (0) where the step that compiles is logged.
    """
    speeds = [s for s in _values(records, "perf/images_per_second") if s > 0]
    return len(speeds) / sum(1 / s for s in speeds) if speeds else None


def mean(values: Sequence[float]) -> float | None:
    """The mean; None of nothing."""
    return sum(values) / len(values) if values else None


def _values(records: Iterable[Mapping[str, Any]], name: str) -> list[float]:
    return [r[name] for r in records if r.get(name) is not None]
