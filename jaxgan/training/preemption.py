"""Preemption: SIGTERM and SIGINT stop a run in good order, on all processes at one step."""

import os
import signal
from types import FrameType
from typing import Any

import jax


class StopRequest:
    """Notices SIGTERM and SIGINT, and says at which step all processes stop.

    Alone, a process stops at its next step. In a ``jax.distributed`` run its preemption service already listens for
    SIGTERM, and has every process stop at the same step; a handler of our own would silence it, so there none is set.
    A SIGINT there is handed on to the service as a SIGTERM of this process.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self._together = jax.process_count() > 1
        self._interrupted = False
        self._counter = 0
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> "StopRequest":
        handlers = {signal.SIGTERM: self._note, signal.SIGINT: self._note}
        for number, handler in ({signal.SIGINT: self._hand_on} if self._together else handlers).items():
            try:
                self._previous[number] = signal.signal(number, handler)
            except ValueError:  # not the main thread, where Python takes no handlers
                break
        return self

    def __exit__(self, *exc: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        del frame
        if self.signal == number:
            raise KeyboardInterrupt
        self.signal = number

    def _hand_on(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        if self._interrupted:
            raise KeyboardInterrupt
        # Only once all have agreed is it `signal`, or this process alone would leave out a stage.
        self._interrupted = True
        os.kill(os.getpid(), signal.SIGTERM)

    def due(self) -> bool:
        """Whether to save and stop now; call it once every iteration, on every process."""
        # The service wants a counter that grows by exactly one, whatever the step numbers do.
        self._counter += 1
        if self._together:
            from jax.experimental import multihost_utils

            if multihost_utils.reached_preemption_sync_point(self._counter):
                self.signal = signal.SIGINT if self._interrupted else signal.SIGTERM
                return True
            return False
        return self.signal is not None
