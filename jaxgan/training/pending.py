"""The record of a step whose scores are still to come: saved with its checkpoint, so that a restart can score it."""

import json
import logging
from typing import Any

import jax
import numpy as np
from etils import epath

from jaxgan.training.storage import writing

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
        if jax.process_index() != 0:
            return
        values = {name: float(np.asarray(value)) for name, value in metrics.items()}
        with writing(self._path):
            whole = self._path.with_name(self._path.name + ".tmp")
            whole.write_text(json.dumps({"step": step, "metrics": values}))
            whole.replace(self._path)

    def done(self) -> None:
        """Notes, on process 0, that there are no scores to come."""
        if jax.process_index() == 0:
            with writing(self._path):
                self._path.unlink(missing_ok=True)

    def read(self, step: int) -> dict[str, float] | None:
        """The metrics of ``step`` where its scores are still to come, else None; the same on every process."""
        found: dict[str, float] | None = None
        if jax.process_index() == 0 and self._path.exists():
            try:
                record = json.loads(self._path.read_text())
                if record["step"] == step:
                    found = {str(name): float(value) for name, value in record["metrics"].items()}
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                log.warning("%s is damaged (%s): step %d is scored without its losses", self._path, error, step)
                found = {}
        if jax.process_count() == 1:
            return found
        from jax.experimental import multihost_utils

        # Only process 0 writes records, so that the others need no values.
        due = bool(multihost_utils.broadcast_one_to_all(np.int32(found is not None)))
        return (found or {}) if due else None
