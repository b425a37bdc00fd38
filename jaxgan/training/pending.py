"""The record of a step whose scores are still to come: saved with its checkpoint, so that a restart can score it."""

import logging
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from etils import epath

from jaxgan.parallel import from_main, is_main
from jaxgan.training.record_counts import read_counts
from jaxgan.training.records import line_of, read_lines, record_of
from jaxgan.training.storage import read_or_none, write_whole, writing

log = logging.getLogger("jaxgan")

NAME = "pending.json"


def numbers(metrics: Mapping[str, Any]) -> dict[str, float | str]:
    """Metrics as JSON holds them: NaN and infinity, which it has no words for, as text."""
    values = {name: float(np.asarray(value)) for name, value in metrics.items()}
    return {name: value if math.isfinite(value) else str(value) for name, value in values.items()}


class Pending:
    """``pending.json`` in a run's folder: a step's metrics, written before its checkpoint and removed after its scores.

    A run saves first and scores then, so that a score that fails, or takes long, costs no training. One that ends in
    between goes on by scoring the step that it saved. The checkpoint holds the metrics too (``pending`` of its meta).
    """

    def __init__(self, workdir: epath.PathLike):
        self._root = epath.Path(workdir)
        self._path = self._root / NAME

    def write(self, step: int, metrics: Mapping[str, float | str]) -> None:
        """Notes, on process 0, that the scores of ``step`` are still to come; ``metrics`` as :func:`numbers`."""
        if is_main():
            write_whole(self._path, line_of({"step": step, "metrics": dict(metrics)}, NAME))

    def done(self) -> None:
        """Notes, on process 0, that there are no scores to come."""
        if is_main():
            with writing(self._path):
                self._path.unlink(missing_ok=True)

    def read(self, step: int, meta: Mapping[str, Any] | None = None) -> dict[str, float] | None:
        """The metrics of ``step`` where its scores are still to come, else None; the same on every process.

        Args:
          step: of the checkpoint.
          meta: of the checkpoint, which says whether its scores were to come: where the file is damaged or gone, and no
            record says that they came, the metrics are taken from there.

        Raises:
          UnreadableError: where storage fails.
        """
        found = self._found(step, meta or {}) if is_main() else None
        # Only process 0 writes records, so that the others need no values.
        return (found or {}) if from_main(int(found is not None)) else None

    def _found(self, step: int, meta: Mapping[str, Any]) -> dict[str, float] | None:
        content = read_or_none(self._path)
        if content is not None:
            record = read_pending(content, checked="records" in meta)
            if record is not None and record["step"] == step:
                return record["metrics"]
            if record is None:
                log.warning("%s is damaged, and not used", self._path)
                if "records" not in meta:  # a version that kept them nowhere else
                    log.warning("step %d is scored without its losses", step)
                    return {}
        if meta.get("pending") is None or self._scored(step):
            return None
        log.warning(
            "%s does not say so, but the scores of step %d were to come: they are computed, next to the metrics that "
            "the checkpoint holds",
            self._path,
            step,
        )
        return {name: float(value) for name, value in meta["pending"].items()}

    def _scored(self, step: int) -> bool:
        counts = read_counts(self._root)
        if counts is not None:
            return any(count.step >= step for count in counts)
        return any(record["step"] == step for record in read_lines(self._root / "metrics.jsonl").records)


def read_pending(content: bytes, *, checked: bool) -> dict[str, Any] | None:
    """``step`` and ``metrics`` of the content of a pending.json; None where it is damaged.

    Args:
      content: the bytes.
      checked: whether it must have a checksum, which earlier versions did not write.
    """
    record = record_of(content.decode(errors="replace"), NAME, checked=checked)
    try:
        return None if record is None else {**record, "metrics": {n: float(v) for n, v in record["metrics"].items()}}
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
