"""Watchdog: ends a process that hangs, with the stacks of all its threads, so that a supervisor can start it again.

A peer that is stuck and yet lives keeps all others waiting in a collective for ever; no exception comes. Here a thread
looks a few times a second whether the main thread still comes by. Each part of a run (a step, a compilation, a save)
has its own limit in seconds. Once one has passed, the stacks go to stderr and to
``WORKDIR/stacks-<process>-<time>.txt``, and the process ends with exit code 42, without waiting for anything: launchers
start it again, from its newest checkpoint.

XLA releases Python's lock while it computes, compiles and waits, so that the thread runs while the main thread is stuck
in there. Where a library hangs and holds that lock, the kernel's own timer ends the process by SIGALRM (exit code 142),
stacks on stderr.
"""

import contextlib
import dataclasses
import faulthandler
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator

from etils import epath

from jaxgan.training.errors import UserError
from jaxgan.training.preemption import EXIT_RESTART

# Limits that JAX keeps.
OF_JAX = ("connect", "heartbeat")
# Three years; the kernel's timers take no number without an end.
MOST_SECONDS = 10**8
_STDERR = 2
# Writing stacks to a pipe that nobody reads, or to a folder that hangs, takes no longer.
_LAST_SECONDS = 10.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Limits:
    """How long each part of a run may take, in seconds; 0 for no limit.

    Attributes:
      begin: from the start to the first compilation: opening data, making the state.
      restore: reading and checking checkpoints.
      compile: compiling the step and running it once.
      step: one dispatch, of ``training.steps_per_dispatch`` steps, its data included. A peer that is stuck in a step
        ends the job within this time.
      save: handing one checkpoint over, or waiting for it to be complete.
      evaluate: all evaluators that are due after a step.
      connect: how long the processes of a run wait for each other at the start, whole seconds from 1.
      heartbeat: how long a process of several may be silent (stopped, its machine gone) until JAX ends the others, a
        whole number of at least 1. JAX's own threads send these: a process that is stuck in Python goes on with them,
        and is found by the limits above.
    """

    begin: float = 7_200.0
    restore: float = 3_600.0
    compile: float = 7_200.0
    step: float = 1_800.0
    save: float = 3_600.0
    evaluate: float = 14_400.0
    connect: int = 300
    heartbeat: int = 100

    def checked(self) -> "Limits":
        """These limits; UserError where one is no number from 0 to 1e8, or one of JAX's is no whole number from 1."""
        for name, value in dataclasses.asdict(self).items():
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MOST_SECONDS:
                raise UserError(f"watchdog.{name}={value}: give seconds up to {MOST_SECONDS:g}, or 0 for no limit")
        for name in OF_JAX:
            if (value := getattr(self, name)) < 1 or value != int(value):
                raise UserError(f"watchdog.{name}={value}: give whole seconds, at least 1")
        return self


SECTIONS = tuple(field.name for field in dataclasses.fields(Limits) if field.name not in OF_JAX)


class Watchdog:
    """Watches the main thread; a context manager, in the section 'begin' at first.

    ``beat("step")`` says that a step begins now, and ``with section("save"):`` that a save does, after which the
    section around it begins anew. Either sets one attribute: nothing waits, and nothing touches a device.
    """

    def __init__(
        self,
        limits: Limits,
        *,
        workdir: epath.PathLike,
        process: int = 0,
        peers: bool = False,
        alarm_seconds: float = 300.0,
        ending: Callable[[], None] = lambda: None,
    ) -> None:
        """Checks the limits; entering the context starts the thread.

        Args:
          limits: of each section.
          workdir: where stacks are written.
          process: this process's number, for the file's name.
          peers: whether there are other processes: only then the kernel's timer is set, since it runs on while a
            process is stopped (Ctrl-Z), and only where nobody else uses SIGALRM.
          alarm_seconds: after its limit, how long the thread may fail to run before that timer ends the process.
          ending: is called from the thread before it ends the process; what it raises is dropped.

        Raises:
          UserError: on a limit that is none.
        """
        self._limits = {name: float(getattr(limits.checked(), name)) for name in SECTIONS}
        self._workdir = epath.Path(workdir)
        self._process = process
        self._peers = peers
        self._alarm_seconds = alarm_seconds
        self._ending = ending
        self._current = ("begin", time.monotonic())
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="jaxgan-watchdog", daemon=True)

    def __enter__(self) -> "Watchdog":
        self._alarm = self._peers and signal.getsignal(signal.SIGALRM) is signal.SIG_DFL
        if self._alarm:
            faulthandler.register(signal.SIGALRM, file=_STDERR, all_threads=True, chain=True)
        self.beat("begin")
        if any(self._limits.values()):
            self._arm(max(self._limits.values()))
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._alarm:
            signal.setitimer(signal.ITIMER_REAL, 0)
            faulthandler.unregister(signal.SIGALRM)

    def beat(self, name: str) -> None:
        """Begins the section ``name``, one of :data:`SECTIONS`, or begins it anew."""
        self._current = (name, time.monotonic())

    @contextlib.contextmanager
    def section(self, name: str) -> Iterator[None]:
        """The block is the section ``name``; after it the section around it begins anew."""
        around = self._current[0]
        self.beat(name)
        try:
            yield
        finally:
            self.beat(around)

    def _watch(self) -> None:
        poll = min(1.0, *(limit / 10 for limit in self._limits.values() if limit))
        seen, waited, last = self._current, 0.0, time.monotonic()
        while not self._closed.wait(poll):
            now = time.monotonic()
            # Time in which this thread did not run either (a stopped process, a laptop asleep) does not count.
            waited = waited + min(now - last, 2 * poll) if self._current is seen else 0.0
            seen, last = self._current, now
            limit = self._limits[seen[0]]
            if limit and waited > limit:
                self._end(seen[0], waited, limit)
            self._arm(limit - waited if limit else max(self._limits.values()))

    def _arm(self, seconds: float) -> None:
        """Has the kernel end the process where the thread does not come back here in time."""
        if self._alarm:
            signal.setitimer(signal.ITIMER_REAL, seconds + self._alarm_seconds)

    def _end(self, section: str, waited: float, limit: float) -> None:
        # By the kernel, whatever becomes of what follows.
        signal.setitimer(signal.ITIMER_REAL, _LAST_SECONDS)
        name = f"stacks-{self._process}-{time.strftime('%Y%m%dT%H%M%S')}.txt"
        text = (
            f"watchdog: process {self._process} is stuck: {section} has gone on for {waited:.0f} s, longer than "
            f"watchdog.{section}={limit:g}; ending it with exit code {EXIT_RESTART}, to be started again. Stacks of "
            f"all threads follow, and are in {self._workdir / name}. Where it was only slow, raise "
            f"--config.watchdog.{section} (0 for no limit) and pass --accept_config_change.\n"
        ).encode()
        with contextlib.suppress(OSError):
            os.write(_STDERR, text)
            faulthandler.dump_traceback(_STDERR)
        with contextlib.suppress(Exception):  # a full disk, a folder that is gone: the process ends all the same
            (self._workdir / name).write_bytes(text + _stacks())
        with contextlib.suppress(Exception):
            self._ending()
        os._exit(EXIT_RESTART)


def _stacks() -> bytes:
    """The stacks of all threads as text, with their names."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    parts = [
        f"\nThread {names.get(ident, ident)}:\n{''.join(traceback.format_stack(frame))}"
        for ident, frame in sys._current_frames().items()
    ]
    return "".join(parts).encode()
