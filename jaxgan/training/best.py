"""The best checkpoint so far, by a named score."""

import logging
import math
from typing import Any

import jax
from etils import epath

from jaxgan.training.errors import UserError
from jaxgan.training.method import FailedScore, Score
from jaxgan.training.records import line_of, read_lines, record_of
from jaxgan.training.storage import read_or_none, write_whole, writing

log = logging.getLogger("jaxgan")

NAME = "best.json"


def read_best(workdir: epath.PathLike, *, checked: bool = False) -> tuple[dict[str, Any] | None, str | None]:
    """(what ``best.json`` tells: ``metric``, ``value`` and ``step``, or None; its problem, or None). A missing file
    tells nothing and has no problem.

    Args:
      workdir: the run's folder.
      checked: whether it must have a checksum, which earlier versions did not write.

    Raises:
      UnreadableError: where storage fails.
    """
    content = read_or_none(epath.Path(workdir) / NAME)
    if content is None:
        return None, None
    record = record_of(content.decode(errors="replace"), NAME, checked=checked)
    if record is None or not isinstance(record.get("metric"), str) or not isinstance(record.get("value"), int | float):
        return None, "differs from what was written"
    return record, None


class Best:
    """Follows one score through a run's last stage: those of other stages are of other networks or sizes.

    What is known is read from metrics.jsonl up to the step that the run goes on from, so that a killed run remembers
    what an unbroken one would, and from ``best.json``, which outlives a lost record; that file is then written again
    where it tells something else.

    Attributes:
      step: of the best value so far; None where there is none.
    """

    def __init__(
        self,
        workdir: epath.PathLike,
        name: str | None,
        direction: str,
        *,
        step: int,
        after: int = 0,
        checked: bool = False,
    ):
        """Reads what is known.

        Args:
          workdir: the run's folder.
          name: of the score; None to follow none.
          direction: 'max' or 'min'.
          step: that the run goes on from.
          after: the step that the last stage begins at.
          checked: whether all that is read must have a checksum, which earlier versions did not write.
        """
        self._after = after
        self._path = epath.Path(workdir) / NAME
        self._name = name
        self._sign = 1.0 if direction == "max" else -1.0
        self._value: float | None = None
        self.step: int | None = None
        if name is not None:
            for record in read_lines(epath.Path(workdir) / "metrics.jsonl", checked=checked).records:
                if after < record["step"] <= step and record.get(name) is not None:
                    self._take(record["step"], record[name])
            told, problem = read_best(workdir, checked=checked)
            if told is not None and told["metric"] == name and after < told["step"] <= step:
                self._take(told["step"], told["value"])
            if jax.process_index() == 0:
                self._tell(told, problem)

    def _tell(self, told: dict[str, Any] | None, problem: str | None) -> None:
        """Makes best.json tell what is known, where it does not."""
        if problem is not None:
            log.warning("%s %s: it is not used", self._path, problem)
        if self.step is None:
            with writing(self._path):
                self._path.unlink(missing_ok=True)
            return
        if told is None:
            log.warning("%s is written again, from metrics.jsonl", self._path)
        line = line_of(self._record(), NAME)
        if read_or_none(self._path) != line.encode():
            write_whole(self._path, line)

    def _record(self) -> dict[str, Any]:
        return {"step": self.step, "metric": self._name, "value": self._value}

    def _take(self, step: int, value: float) -> bool:
        if not math.isfinite(value) or (self._value is not None and self._sign * (value - self._value) <= 0):
            return False
        self._value, self.step = value, step
        return True

    def update(self, step: int, results: dict[str, Any]) -> bool:
        """Whether this step's results are the best so far; writes best.json where they are.

        Raises:
          UserError: where there are scores, none of which failed, and the one named is not among them.
        """
        if self._name is None or not results or step <= self._after:
            return False
        failed = any(isinstance(value, FailedScore) for value in results.values())
        if isinstance(results.get(self._name), FailedScore) or (failed and self._name not in results):
            return False
        if self._name not in results:
            scores = sorted(name for name, value in results.items() if isinstance(value, Score | float))
            if not scores:
                return False
            raise UserError(f"evaluation.best={self._name!r} is none of this run's scores: {', '.join(scores)}")
        found = results[self._name]
        value = float(found.value if isinstance(found, Score) else found)
        if not self._take(step, value):
            return False
        if jax.process_index() == 0:
            write_whole(self._path, line_of(self._record(), NAME))
        return True
