"""Logging of a run: metrics.jsonl, scores.jsonl, TensorBoard event files, sample pictures, a progress bar."""

import contextlib
import json
import math
import queue
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np
from clu import parameter_overview
from etils import epath
from PIL import Image
from tqdm import tqdm

from jaxgan.training.events import Events
from jaxgan.training.method import FailedScore, Score
from jaxgan.training.record_counts import Count, check_counts, write_counts
from jaxgan.training.records import RecordsFile
from jaxgan.training.state import TrainState
from jaxgan.training.storage import close_all, writing
from jaxgan.training.strict_json import strict_json


class Writer:
    """Writes metrics, scores and pictures from a thread of its own, so that fetching them never holds the loop up.

    Used on process 0; elsewhere ``Writer(None, ...)`` writes nothing.
    """

    def __init__(
        self,
        workdir: epath.PathLike | None,
        *,
        step: int,
        config: str = "",
        counts: Mapping[str, int] | None = None,
        told: Callable[[dict[str, Any]], None] = lambda record: None,
    ):
        """Opens the files of ``workdir``, and says which records are lost.

        Args:
          workdir: the run's folder; None to write nothing.
          step: the last one whose records are kept.
          config: shown in TensorBoard.
          counts: the number of records of each file that the checkpoint knows of; None where it does not say.
          told: called with each record of scalars.
        """
        self._told = told
        self._error: BaseException | None = None
        self._workdir = None if workdir is None else epath.Path(workdir)
        self._files: _Files | None = None if self._workdir is None else _Files(self._workdir, step, config, counts)
        self.latest: dict[str, float] = {}
        self._queue: queue.Queue[Any] = queue.Queue(maxsize=256)
        self._thread = threading.Thread(target=self._run, name="metrics", daemon=True)
        self._thread.start()

    def write(self, step: int, values: dict[str, Any], *, stage: str | None = None) -> None:
        """Hands over one record: floats and scalar arrays are metrics, uint8 arrays [H, W, C] pictures; scores are
        metrics that also go, with their stamps, to scores.jsonl, where failed ones are noted with their reasons.
        ``stage``, where given, is named in both files.
        """
        self.check()
        for value in values.values():
            if isinstance(value, jax.Array):
                value.copy_to_host_async()
        self._queue.put((step, values, stage))

    def flush(self) -> None:
        """Returns when all that was handed over is written.

        Raises:
          UserError: where it could not be, or the run's folder has vanished.
        """
        self._queue.join()
        self.check()
        if self._files is not None:
            self._files.flush()

    def check(self) -> None:
        """Raises what went wrong in the thread."""
        if self._error is not None:
            raise self._error

    def counts(self) -> dict[str, int]:
        """The number of records in each file, after a :meth:`flush`; none where there are no files."""
        return {} if self._files is None else self._files.counts()

    def keep_counts(self, step: int) -> None:
        """Flushes, and notes in ``records.json`` how many records there are up to ``step``.

        Raises:
          UserError: as :meth:`flush`.
        """
        self.flush()
        if self._files is not None:
            self._files.keep_counts(step)

    def close(self) -> None:
        """Writes what is left and stops the thread.

        Raises:
          UserError: where it cannot be written, unless :meth:`check` raises what went wrong before.
        """
        self._queue.join()
        self._queue.put(None)
        self._thread.join()
        if self._files is not None:
            self._files.close(failing=self._error is not None)

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            try:
                if self._error is None:
                    self._record(*item)
            except BaseException as error:  # handed to the loop, which raises it
                self._error = error
            finally:
                self._queue.task_done()
        self._queue.task_done()

    def _record(self, step: int, values: dict[str, Any], stage: str | None) -> None:
        about: dict[str, Any] = {"step": step} if stage is None else {"step": step, "stage": stage}
        scalars: dict[str, float] = {}
        for name, value in values.items():
            if isinstance(value, Score | FailedScore):
                if isinstance(value, Score):
                    scalars[name] = value.value
                if self._files is not None:
                    fields = json.loads(strict_json(value.fields()))
                    self._files.scores.write({**about, "metric": name.removeprefix("eval/"), **fields})
                continue
            array = np.asarray(value)
            if array.ndim == 0:
                scalars[name] = float(array)
            elif self._files is not None:
                self._files.picture(name, array, step)
        self.latest = scalars
        self._told({**about, **scalars})
        if self._files is not None:
            self._files.metrics.write({**about, **_strict(scalars)})
            for name, value in scalars.items():
                self._files.events.scalar(name, value, step)


def _strict(fields: dict[str, Any]) -> dict[str, Any]:
    """``fields`` with null for numbers that JSON has no words for."""
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in fields.items()}


class _Files:
    """The files of one run's records, open."""

    def __init__(self, workdir: epath.Path, step: int, config: str, counts: Mapping[str, int] | None):
        self._workdir = workdir
        self._samples = workdir / "samples"
        with writing(self._samples):
            self._samples.mkdir(parents=True, exist_ok=True)
        self._counts = check_counts(workdir, counts, step=step)
        # Before the files are cut: fewer records than counted would be taken for lost.
        write_counts(workdir, self._counts)
        checked = counts is not None
        with contextlib.ExitStack() as opened:
            self.metrics = RecordsFile(workdir / "metrics.jsonl", step=step, checked=checked)
            opened.callback(self.metrics.close)
            self.scores = RecordsFile(workdir / "scores.jsonl", step=step, checked=checked)
            opened.callback(self.scores.close)
            self.events = Events(workdir / "tb", step=step, config=config)
            opened.pop_all()  # all of them, or none

    def picture(self, name: str, picture: np.ndarray, step: int) -> None:
        suffix = "" if name == "samples" else f"-{name}"
        path = self._samples / f"{step}{suffix}.png"
        with writing(path), path.open("wb") as file:
            Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture).save(file, format="PNG")
        self.events.image(name, picture, step)

    def flush(self) -> None:
        self.metrics.flush()
        self.scores.flush()
        self.events.flush()

    def counts(self) -> dict[str, int]:
        return {"metrics.jsonl": self.metrics.count, "scores.jsonl": self.scores.count}

    def keep_counts(self, step: int) -> None:
        self._counts = [*self._counts, Count(step, self.counts())]
        write_counts(self._workdir, self._counts)

    def close(self, *, failing: bool) -> None:
        close_all(self.metrics.close, self.scores.close, self.events.close, failing=failing)


class Progress:
    """A terminal progress bar on stderr: steps, images/s, time left, and some of the newest metrics."""

    def __init__(self, *, total: int, start: int, images_per_step: int, show: tuple[str, ...], enabled: bool):
        self._images = images_per_step
        self._show = show
        self._bar = tqdm(
            total=total,
            initial=start,
            unit="step",
            disable=not enabled,
            file=sys.stderr,
            mininterval=0.5 if sys.stderr.isatty() else 10.0,
            dynamic_ncols=True,
            smoothing=0.1,
        )

    def advance(self, steps: int, metrics: dict[str, float]) -> None:
        """Moves by ``steps``."""
        rate = self._bar.format_dict.get("rate") or 0.0
        shown = {name: f"{metrics[name]:.3f}" for name in self._show if name in metrics}
        self._bar.set_postfix({"images/s": f"{rate * self._images:.0f}", **shown}, refresh=False)
        self._bar.update(steps)

    def close(self) -> None:
        """Ends the bar."""
        self._bar.close()


def images_bar(what: str, total: int, *, enabled: bool) -> Callable[[int], None]:
    """A bar on stderr over ``total`` images; call what it returns with the number of images done."""
    bar = tqdm(
        total=total,
        desc=what,
        unit="image",
        disable=not enabled,
        file=sys.stderr,
        mininterval=0.5 if sys.stderr.isatty() else 10.0,
        dynamic_ncols=True,
    )

    def advance(images: int) -> None:
        bar.update(images)
        if bar.n >= total:
            bar.close()

    return advance


def parameter_table(state: TrainState) -> str:
    """Every parameter's shape and size, net by net (of arrays or of shapes), frozen networks last."""
    tables = []
    for name, variables in [*state.nets.items(), *((f"{name} (frozen)", v) for name, v in state.frozen.items())]:
        if "params" not in variables:
            continue
        rows = parameter_overview.get_parameter_overview(variables["params"], include_stats=False)
        tables.append(f"{name}:\n{rows}")
    return "\n".join(tables)
