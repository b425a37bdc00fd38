"""Logging of a run: metrics.jsonl, scores.jsonl, TensorBoard event files, sample pictures, a progress bar."""

import json
import logging
import math
import queue
import sys
import threading
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from clu import parameter_overview
from etils import epath
from PIL import Image
from tensorboardX import SummaryWriter
from tqdm import tqdm

from jaxgan.training.errors import UserError
from jaxgan.training.method import Score
from jaxgan.training.state import TrainState

log = logging.getLogger("jaxgan")


def read_metrics(path: epath.PathLike) -> list[dict[str, Any]]:
    """The records of a metrics.jsonl, in order; a line that a kill cut short is left out."""
    path = epath.Path(path)
    if not path.exists():
        return []
    records = []
    for line in path.read_text().splitlines():
        try:
            records.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return records


class MetricsFile:
    """A JSON object a line, steps rising, none twice.

    Opening at ``step`` drops what a killed run wrote beyond it. Object stores cannot append: there the file is written
    again at each flush.
    """

    def __init__(self, path: epath.PathLike, *, step: int):
        self._path = epath.Path(path)
        self._append = "://" not in str(path)
        kept = [r for r in read_metrics(self._path) if r["step"] <= step]
        self._lines = [json.dumps(r) + "\n" for r in kept]
        whole = self._path.with_name(self._path.name + ".tmp")
        whole.write_text("".join(self._lines))
        whole.replace(self._path)
        self._file = open(self._path, "a") if self._append else None  # noqa: SIM115 (open for the run)

    def write(self, record: dict[str, Any]) -> None:
        """Adds one record."""
        line = json.dumps(record) + "\n"
        if self._file is not None:
            self._file.write(line)
            self._file.flush()
        else:
            self._lines.append(line)

    def flush(self) -> None:
        """Makes sure that all records are in the file."""
        if self._file is None:
            self._path.write_text("".join(self._lines))

    def close(self) -> None:
        """Flushes and closes."""
        self.flush()
        if self._file is not None:
            self._file.close()


class Writer:
    """Writes metrics and pictures from a thread of its own, so that fetching them never holds the loop up.

    Used on process 0; elsewhere ``Writer(None, ...)`` only watches for metrics that are no numbers.
    """

    def __init__(self, workdir: epath.PathLike | None, *, step: int, config: str = ""):
        self._error: BaseException | None = None
        self._workdir = None if workdir is None else epath.Path(workdir)
        self._file: MetricsFile | None = None
        self._scores: MetricsFile | None = None
        self._board: SummaryWriter | None = None
        self.latest: dict[str, float] = {}
        if self._workdir is not None:
            self._workdir.mkdir(parents=True, exist_ok=True)
            (self._workdir / "samples").mkdir(parents=True, exist_ok=True)
            self._file = MetricsFile(self._workdir / "metrics.jsonl", step=step)
            self._scores = MetricsFile(self._workdir / "scores.jsonl", step=step)
            self._board = SummaryWriter(str(self._workdir / "tb"), purge_step=step + 1 if step else None)
            if config:
                self._board.add_text("config", f"```json\n{config}\n```", step)
        self._queue: queue.Queue[Any] = queue.Queue(maxsize=256)
        self._thread = threading.Thread(target=self._run, name="metrics", daemon=True)
        self._thread.start()

    def write(self, step: int, values: dict[str, Any], *, stage: str | None = None) -> None:
        """Hands over one record: floats and scalar arrays are metrics, uint8 arrays [H, W, C] pictures; scores are
        metrics that also go, with their stamps, to scores.jsonl. ``stage``, where given, is named in both files.
        """
        self.check()
        for value in values.values():
            if isinstance(value, jax.Array):
                value.copy_to_host_async()
        self._queue.put((step, values, stage))

    def flush(self) -> None:
        """Returns when all that was handed over is written."""
        self._queue.join()
        if self._file is not None and self._scores is not None and self._board is not None:
            self._file.flush()
            self._scores.flush()
            self._board.flush()
        self.check()

    def check(self) -> None:
        """Raises what went wrong in the thread."""
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """Writes what is left and stops the thread."""
        self._queue.join()
        self._queue.put(None)
        self._thread.join()
        if self._file is not None and self._scores is not None and self._board is not None:
            self._file.close()
            self._scores.close()
            self._board.close()

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
            if isinstance(value, Score):
                scalars[name] = value.value
                if self._scores is not None:
                    self._scores.write({**about, "metric": name.removeprefix("eval/"), **value.fields()})
                continue
            array = np.asarray(value)
            if array.ndim == 0:
                scalars[name] = float(array)
            elif self._workdir is not None and self._board is not None:
                suffix = "" if name == "samples" else f"-{name}"
                with (self._workdir / "samples" / f"{step}{suffix}.png").open("wb") as file:
                    Image.fromarray(array[..., 0] if array.shape[-1] == 1 else array).save(file, format="PNG")
                self._board.add_image(name, array, step, dataformats="HWC")
        self.latest = scalars
        if self._file is not None and self._board is not None:
            finite = {k: v if math.isfinite(v) else None for k, v in scalars.items()}
            self._file.write({**about, **finite})
            for name, value in scalars.items():
                self._board.add_scalar(name, value, step)
        bad = sorted(name for name, value in scalars.items() if not math.isfinite(value))
        if bad:
            raise UserError(
                f"training diverged: {', '.join(bad)} not finite at step {step}; lower the learning "
                "rates, or go on from an earlier checkpoint with another seed"
            )


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
