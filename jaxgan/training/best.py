"""The best checkpoint so far, by a named score."""

import json
import math
from typing import Any

import jax
from etils import epath

from jaxgan.training.errors import UserError
from jaxgan.training.method import FailedScore, Score
from jaxgan.training.records import read_records
from jaxgan.training.storage import write_whole


class Best:
    """Follows one score through a run's last stage: those of other stages are of other networks or sizes.

    What is known is read from metrics.jsonl up to the step that the run goes on from, so that a killed run remembers
    what an unbroken one would; ``best.json`` only tells of it.

    Attributes:
      step: of the best value so far; None where there is none.
    """

    def __init__(self, workdir: epath.PathLike, name: str | None, direction: str, *, step: int, after: int = 0):
        """Reads what is known.

        Args:
          workdir: the run's folder.
          name: of the score; None to follow none.
          direction: 'max' or 'min'.
          step: that the run goes on from.
          after: the step that the last stage begins at.
        """
        self._after = after
        self._path = epath.Path(workdir) / "best.json"
        self._name = name
        self._sign = 1.0 if direction == "max" else -1.0
        self._value: float | None = None
        self.step: int | None = None
        if name is not None:
            for record in read_records(epath.Path(workdir) / "metrics.jsonl"):
                if after < record["step"] <= step and record.get(name) is not None:
                    self._take(record["step"], record[name])

    def _take(self, step: int, value: float) -> bool:
        if not math.isfinite(value) or (self._value is not None and self._sign * (value - self._value) <= 0):
            return False
        self._value, self.step = value, step
        return True

    def update(self, step: int, results: dict[str, Any]) -> bool:
        """Whether this step's results are the best so far; writes best.json where they are.

        Raises:
          UserError: where there are scores, and the one named is not among them.
        """
        if self._name is None or not results or step <= self._after:
            return False
        if isinstance(results.get(self._name), FailedScore):
            return False
        if self._name not in results:
            if any(isinstance(value, FailedScore) for value in results.values()):
                return False  # it may be one of those that failed together
            scores = sorted(name for name, value in results.items() if isinstance(value, Score | float))
            if not scores:
                return False
            raise UserError(f"evaluation.best={self._name!r} is none of this run's scores: {', '.join(scores)}")
        found = results[self._name]
        value = float(found.value if isinstance(found, Score) else found)
        if not self._take(step, value):
            return False
        if jax.process_index() == 0:
            write_whole(self._path, json.dumps({"metric": self._name, "value": value, "step": step}) + "\n")
        return True
