"""Images per second of training, and the share of its time that waits for data."""

import contextlib
import time
from collections.abc import Iterator

from jaxgan.training.goodput import Goodput


class Meter:
    """Images per second, and the share of time spent waiting for data, since the last reading."""

    def __init__(self, images_per_step: int, step: int, goodput: Goodput):
        self._images, self._step, self._waited, self._goodput = images_per_step, step, 0.0, goodput
        self._since = time.monotonic()
        self.compiling = True

    def start(self, step: int) -> float:
        """Begins to count after ``step``; returns the seconds that went before."""
        now = time.monotonic()
        seconds, self._since, self._step, self.compiling = now - self._since, now, step, False
        return seconds

    def read(self, step: int, wait_seconds: float) -> dict[str, float]:
        """The metrics of the steps since the last reading; ``wait_seconds`` are the loader's in all."""
        now = time.monotonic()
        seconds = max(now - self._since, 1e-9)
        self._goodput.add("data_wait", wait_seconds - self._waited)
        values = {
            "perf/images_per_second": (step - self._step) * self._images / seconds,
            "perf/data_wait_share": (wait_seconds - self._waited) / seconds,
        }
        self._since, self._step, self._waited = now, step, wait_seconds
        return values

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Time in the block does not count."""
        began = time.monotonic()
        yield
        self._since += time.monotonic() - began
