"""The record of a step whose scores are still to come: saved with its checkpoint, so that a restart can score it."""

import json
import logging
from typing import Any

import numpy as np
from etils import epath

from jaxgan.parallel import from_main, is_main
from jaxgan.training.storage import write_whole, writing

log = logging.getLogger("jaxgan")


class Pending:
    """``pending.json`` in a run's folder: a step's metrics, written before its checkpoint and removed after its scores.

    A run saves first and scores then, so that a score that fails, or takes long, costs no training. One that ends in
    between goes on by scoring the step that it saved.
    """

    def __init__(self, workdir: epath.PathLike):
        self._path = epath.Path(workdir) / "pending.json"

    def write(self, step: int, metrics: dict[str, Any]) -> None:
        """Notes, on process 0, that the scores of ``step`` are still to come."""
        if not is_main():
            return
        values = {name: float(np.asarray(value)) for name, value in metrics.items()}
        write_whole(self._path, json.dumps({"step": step, "metrics": values}))

    def done(self) -> None:
        """Notes, on process 0, that there are no scores to come."""
        if is_main():
            with writing(self._path):
                self._path.unlink(missing_ok=True)

    def read(self, step: int) -> dict[str, float] | None:
        """The metrics of ``step`` where its scores are still to come, else None; the same on every process."""
        found: dict[str, float] | None = None
        if is_main() and self._path.exists():
            try:
                record = json.loads(self._path.read_text())
                if record["step"] == step:
                    found = {str(name): float(value) for name, value in record["metrics"].items()}
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                log.warning("%s is damaged (%s): step %d is scored without its losses", self._path, error, step)
                found = {}
        # Only process 0 writes records, so that the others need no values.
        return (found or {}) if from_main(int(found is not None)) else None
