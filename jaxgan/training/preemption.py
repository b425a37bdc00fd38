"""Preemption: SIGTERM and SIGINT stop a run in good order, on all processes at one step."""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

from jaxgan.training.signal_action import action_of, deliver, same_handler, set_action

# Exit code of a process that the same command, started again, goes on from.
EXIT_RESTART = 42


@contextlib.contextmanager
def leaving_at_once() -> Iterator[None]:
    """In the block SIGTERM ends the process at once, with :data:`EXIT_RESTART`, while it imports, compiles or waits for
    its peers too; a :class:`StopRequest` inside takes over for its own block.

    Once ``jax.distributed`` has several processes its preemption service has SIGTERM, which is left to it. Outside of
    the main thread, where no signal can be handled, the block is a plain one.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def hear(number: int) -> None:
        if number == signal.SIGTERM:
            with contextlib.suppress(OSError):
                os.write(2, b"stopped by SIGTERM with nothing to save; the same command goes on\n")
            os._exit(EXIT_RESTART)

    with _heard(hear):
        before = signal.signal(signal.SIGTERM, lambda number, frame: None)  # the thread acts
        own = action_of(signal.SIGTERM)
        try:
            yield
        finally:
            if same_handler(action_of(signal.SIGTERM), own):
                signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def _heard(hear: Callable[[int], None]) -> Iterator[None]:
    """Calls ``hear`` with the number of every signal that has a handler in Python, from a thread.

    The number is written to a pipe by the C handler, while Python's handlers wait for the main thread to come out of
    XLA.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)

    def listen() -> None:
        while byte := os.read(reading, 1):
            hear(byte[0])
        os.close(reading)

    threading.Thread(target=listen, name="signals", daemon=True).start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        os.close(writing)  # which ends the thread


class StopRequest:
    """Notices SIGTERM and SIGINT, and says at which step all processes stop.

    A process stops at its next step, and a second SIGTERM changes nothing; inside :meth:`nothing_to_save`, SIGTERM ends
    it at once, even while a program is compiled. In a ``jax.distributed`` run a SIGTERM outside of such a block is
    handed on to its preemption service, which has every process stop at the same step, and so is a SIGINT, as a SIGTERM
    of this process. In such a block the process ends there too, and the others, whose peer is lost, after it.
    """

    def __init__(self) -> None:
        import jax  # here, so that leaving_at_once needs none

        self.signal: int | None = None
        self._together = jax.process_count() > 1
        self._interrupted = False
        # SIGTERM came to this process; what the service does at it.
        self._told = False
        self._service: bytes | None = None
        self._counter = 0
        self._previous: dict[int, Any] = {}
        self._leave: Callable[[], None] | None = None
        self._listening = contextlib.ExitStack()

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
        self._listening.enter_context(_heard(self._hear))
        return self

    def __exit__(self, *exc: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        if self._service is not None:
            set_action(signal.SIGTERM, self._service)
        self._listening.close()

    def _note(self, number: int, frame: FrameType | None) -> None:
        del frame
        if number == signal.SIGINT and (self.signal == number or self._leave is not None):
            raise KeyboardInterrupt
        self.signal = number

    def _hand_on(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        if self._interrupted:
            raise KeyboardInterrupt
        # Only once all have agreed is it `signal`, or this process alone would leave out a stage.
        self._interrupted = True
        os.kill(os.getpid(), signal.SIGTERM)

    def _hear(self, number: int) -> None:
        if number != signal.SIGTERM:
            return
        self._told = True
        # An interrupted process waits for the others, whose launcher would start an ended one again.
        leave = None if self._interrupted else self._leave
        if leave is not None:
            leave()
        if self._service is not None:
            deliver(signal.SIGTERM, to=self._service)

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
