"""Preemption: SIGTERM and SIGINT stop a run in good order, on all processes at one step."""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import jax

from jaxgan.training.signal_action import action_of, deliver, set_action

# Exit code of a process that the same command, started again, goes on from.
EXIT_RESTART = 42


class StopRequest:
    """Notices SIGTERM and SIGINT, and says at which step all processes stop.

    A process stops at its next step; inside :meth:`nothing_to_save`, SIGTERM ends it at once, even while a program is
    compiled. In a ``jax.distributed`` run a SIGTERM outside of such a block is handed on to its preemption service,
    which has every process stop at the same step, and so is a SIGINT, as a SIGTERM of this process. In such a block the
    process ends there too, and the others, whose peer is lost, after it.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self._together = jax.process_count() > 1
        self._interrupted = False
        # SIGTERM came to this process; what the service does at it.
        self._told = False
        self._service: bytes | None = None
        self._counter = 0
        self._previous: dict[int, Any] = {}
        self._leave: Callable[[], None] | None = None
        self._pipe: tuple[int, int] | None = None
        self._previous_fd = -1

    def __enter__(self) -> "StopRequest":
        if threading.current_thread() is not threading.main_thread():
            return self
        if self._together:
            self._service = action_of(signal.SIGTERM)
            self._previous[signal.SIGINT] = signal.signal(signal.SIGINT, self._hand_on)
            signal.signal(signal.SIGTERM, lambda number, frame: None)  # the thread below acts
        else:
            for number in (signal.SIGTERM, signal.SIGINT):
                self._previous[number] = signal.signal(number, self._note)
        # The byte is written by the C handler, while Python's handlers wait for the main thread to come out of XLA.
        self._pipe = os.pipe()
        os.set_blocking(self._pipe[1], False)
        self._previous_fd = signal.set_wakeup_fd(self._pipe[1], warn_on_full_buffer=False)
        threading.Thread(target=self._watch, args=(self._pipe[0],), name="signals", daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        if self._service is not None:
            set_action(signal.SIGTERM, self._service)
        if self._pipe is not None:
            signal.set_wakeup_fd(self._previous_fd)
            os.close(self._pipe[1])  # which ends the thread

    def _note(self, number: int, frame: FrameType | None) -> None:
        del frame
        if self.signal == number or (number == signal.SIGINT and self._leave is not None):
            raise KeyboardInterrupt
        self.signal = number

    def _hand_on(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        if self._interrupted:
            raise KeyboardInterrupt
        # Only once all have agreed is it `signal`, or this process alone would leave out a stage.
        self._interrupted = True
        os.kill(os.getpid(), signal.SIGTERM)

    def _watch(self, pipe: int) -> None:
        while byte := os.read(pipe, 1):
            if byte[0] != signal.SIGTERM:
                continue
            self._told = True
            # An interrupted process waits for the others, whose launcher would start an ended one again.
            leave = None if self._interrupted else self._leave
            if leave is not None:
                leave()
            if self._service is not None:
                deliver(signal.SIGTERM, to=self._service)
        os.close(pipe)

    @contextlib.contextmanager
    def nothing_to_save(self, leave: Callable[[], None]) -> Iterator[None]:
        """In the block all that was trained is saved, or being saved: SIGTERM calls ``leave`` from a thread, which ends
        the process; SIGINT raises KeyboardInterrupt.
        """
        if (self.signal == signal.SIGTERM and not self._together) or (self._told and not self._interrupted):
            leave()
        if self.signal == signal.SIGINT:
            raise KeyboardInterrupt
        self._leave = leave
        try:
            yield
        finally:
            self._leave = None

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
