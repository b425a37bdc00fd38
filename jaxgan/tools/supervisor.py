"""Supervisor of the processes of a run on one machine: starts them, starts them again after a crash, ends with them.

Knows nothing of the training but its exit codes and the step of its newest checkpoint, and uses no JAX itself.
"""

import contextlib
import ctypes
import dataclasses
import io
import math
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import IO, Any

from etils import epath

from jaxgan.training.errors import UserError

# Asks for a restart (or stuck); a peer was lost; killed; the kernel's timer of the watchdog; SIGTERM before Python, or
# in a verb that does not listen for it.
RESTART = (42, 134, 137, 142, 143)
GIVEN_UP = 1
ASKS_FOR_RESTART = 42
LONGEST_WAIT_SECONDS = 300.0
POLL_SECONDS = 0.1
_PR_SET_PDEATHSIG = 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class Policy:
    """How processes are started and started again.

    Attributes:
      procs: processes of the run; several meet over loopback, each on the GPU of its own number.
      backoff_seconds: the first wait before a restart; it doubles while no new checkpoint comes, up to 5 minutes.
      restarts_without_progress: restarts in a row without a new checkpoint, after which it gives up.
      grace_seconds: what the others have once a process has failed; then they are killed.
      save_seconds: what the others have once a process has left with 42, since they may be saving, or has come to the
        end of its work, where one that is stopped would be waited for for ever.
    """

    procs: int = 1
    backoff_seconds: float = 5.0
    restarts_without_progress: int = 3
    grace_seconds: float = 30.0
    save_seconds: float = 300.0

    def check(self) -> None:
        """Raises UserError where a number is out of range."""
        if self.procs < 1:
            raise UserError(f"--procs={self.procs}: give at least 1 process")
        for name in ("backoff_seconds", "restarts_without_progress", "grace_seconds", "save_seconds"):
            value = getattr(self, name)
            if not 0 <= value < math.inf:
                raise UserError(f"--{name}={value}: give a number from 0")


def workdir_of(words: Sequence[str]) -> epath.Path | None:
    """The run's folder, as the verb will read it from its flags; None where there is none.

    Raises:
      UserError: where its name is empty.
    """
    for index, flag in enumerate(words):
        name, equals, value = flag.partition("=")
        if name == "--workdir" and (equals or index + 1 < len(words)):
            given = value if equals else words[index + 1]
            if not given.strip():
                raise UserError("--workdir= is empty; give the run's folder")
            return epath.Path(os.path.expanduser(given))
    return None


def newest_step(workdir: epath.Path | None) -> int:
    """The newest checkpoint's step; -1 where there is none."""
    folder = None if workdir is None else workdir / "checkpoints"
    if folder is None or not folder.exists():
        return -1
    return max(
        (int(path.name) for path in folder.iterdir() if path.name.isascii() and path.name.isdecimal()), default=-1
    )


def times_gone_back(workdir: epath.Path | None) -> int:
    """How often a run has left something behind, as ``--restart`` and ``--from_step`` do, to the end."""
    folder = None if workdir is None else workdir / "left"
    return 0 if folder is None or not folder.exists() else sum(path.name.isdigit() for path in folder.iterdir())


def without_going_back(words: Sequence[str]) -> list[str]:
    """The words of a start after the first: each ``--restart`` or ``--from_step`` would throw away what came since."""
    kept: list[str] = []
    left = list(words)
    while left:
        name, equals, _ = (word := left.pop(0)).partition("=")
        if name == "--from_step" and not equals:
            del left[:1]
        elif name not in ("--restart", "--from_step"):
            kept.append(word)
    return kept


def commands(words: Sequence[str], procs: int) -> list[list[str]]:
    """A command line for each process of ``jaxgan`` with ``words`` (a verb and its flags), meeting at a free port.

    Raises:
      UserError: where several processes are wanted and the flags already say how they meet.
    """
    line = [sys.executable, "-m", "jaxgan", *words]
    if procs == 1:
        return [line]
    if taken := [word for word in words if word.startswith(("--coordinator", "--num_processes", "--process_id"))]:
        raise UserError(f"{taken[0]} and --procs={procs} exclude each other; leave one out")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    peers = [f"--coordinator=127.0.0.1:{port}", f"--num_processes={procs}"]
    return [[*line, *peers, f"--process_id={index}"] for index in range(procs)]


def environment(index: int, procs: int) -> dict[str, str]:
    """The environment of process ``index``: of several processes, each sees the GPU of its own number."""
    # JAX reads this variable; without it every process would take all GPUs. It means nothing to CPUs.
    own = {"JAX_LOCAL_DEVICE_IDS": str(index)} if procs > 1 else {}
    return own | os.environ


def exit_code(status: int) -> int:
    """A shell's exit code from Popen's status, in which -9 is a death by signal 9."""
    return 128 - status if status < 0 else status


def cause(codes: Sequence[int]) -> int:
    """The code that says why a run ended, of the codes of processes that ended first.

    A lost peer makes the others fail too, with any code; so deaths by signal come first.
    """
    return max((code for code in codes if code != 0), default=0, key=lambda code: (code >= 128, code != 42, code))


class Signals:
    """Counts SIGTERM and SIGINT while its context lasts."""

    def __init__(self) -> None:
        self.count = 0
        self.came = threading.Event()
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> "Signals":
        for number in (signal.SIGTERM, signal.SIGINT):
            self._previous[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self.count += 1
        self.came.set()


class Child:
    """One process of a run, in a session of its own, which dies with the thread that made it.

    Its lines are written on with its number before them, where ``prefix`` is not None.
    """

    def __init__(self, line: Sequence[str], *, prefix: str | None, env: dict[str, str]) -> None:
        """Starts it. A session of its own, or Ctrl-C in a terminal would reach it twice."""
        pipe = None if prefix is None else subprocess.PIPE
        self.process = subprocess.Popen(
            line, env=env, start_new_session=True, stdout=pipe, stderr=pipe, preexec_fn=_ends_with(os.getpid())
        )
        self._prefix = prefix
        self._relays: list[threading.Thread] = []

    def relay(self) -> None:
        """Begins to write its lines on; call it once all children are started, since threads and forks don't mix."""
        for stream, out in ((self.process.stdout, sys.stdout), (self.process.stderr, sys.stderr)):
            if stream is not None:
                thread = threading.Thread(target=_relay, args=(stream, out, self._prefix), daemon=True)
                thread.start()
                self._relays.append(thread)

    def code(self) -> int | None:
        """Its exit code as a shell gives it; None while it runs."""
        status = self.process.poll()
        return None if status is None else exit_code(status)

    def kill(self) -> None:
        """SIGKILL to it and to the processes that it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def finish(self) -> None:
        """Writes on what is left, once it has ended."""
        for thread in self._relays:
            thread.join(timeout=2.0)


def _ends_with(parent: int) -> Any:
    """For ``preexec_fn``: the kernel kills the child when ``parent`` dies, however it dies. Linux alone can; None
    elsewhere.
    """
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is None:
        return None

    def set_it() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before that
            os._exit(exit_code(-signal.SIGKILL))

    return set_it


def _lines(stream: IO[bytes]) -> Iterator[str]:
    """Lines as they come; a carriage return, as progress bars write, ends one too."""
    assert isinstance(stream, io.BufferedReader)
    rest = b""
    while chunk := stream.read1(65536):
        *whole, rest = re.split(rb"[\r\n]", rest + chunk)
        yield from (line.decode(errors="replace") for line in whole if line.strip())
    if rest.strip():
        yield rest.decode(errors="replace")


def _relay(stream: IO[bytes], out: IO[str], prefix: str) -> None:
    with stream:
        for line in _lines(stream):
            # Where nobody reads any more, the process must not be held up by a full pipe.
            with contextlib.suppress(OSError, ValueError):
                out.write(f"[{prefix}] {line}\n")
                out.flush()


def run_once(lines: Sequence[Sequence[str]], signals: Signals, policy: Policy) -> int:
    """Runs the processes to their end; returns the exit code of the one that made the run end."""
    several = len(lines) > 1
    children = [
        Child(line, prefix=str(index) if several else None, env=environment(index, len(lines)))
        for index, line in enumerate(lines)
    ]
    for child in children:
        child.relay()
    try:
        return _wait(children, signals, policy)
    finally:
        for child in children:
            if child.code() is None:
                child.kill()
            child.finish()


def _wait(children: Sequence[Child], signals: Signals, policy: Policy) -> int:
    told, first, deadline = 0, 0, math.inf
    while True:
        codes = [child.code() for child in children]
        ended = [code for code in codes if code is not None]
        first = first or cause(ended)
        if len(ended) == len(children):
            return first
        if ended:
            left = policy.save_seconds if cause(ended) in (0, ASKS_FOR_RESTART) else policy.grace_seconds
            deadline = min(deadline, time.monotonic() + left)
        running = [child for child, code in zip(children, codes) if code is None]
        if signals.count > told:
            told = signals.count
            for child in running:
                if told == 1:
                    child.process.send_signal(signal.SIGTERM)
                else:
                    child.kill()
        if time.monotonic() > deadline:
            for child in running:
                child.kill()
        time.sleep(POLL_SECONDS)


def pause_seconds(first: float, stuck: int) -> float:
    """The wait before a restart, after ``stuck`` starts in a row that brought no checkpoint."""
    return float(min(first * 2 ** min(max(stuck - 1, 0), 64), LONGEST_WAIT_SECONDS))


def supervise(words: Sequence[str], policy: Policy) -> int:
    """Runs ``jaxgan`` with ``words``, and again where that can help; returns the final exit code.

    Raises:
      UserError: where a number of the policy is out of range, or the flags don't fit several processes.
    """
    policy.check()
    workdir, stuck = workdir_of(words), 0
    began = newest_step(workdir), times_gone_back(workdir)
    with Signals() as signals:
        while True:
            before, gone_back = newest_step(workdir), times_gone_back(workdir)
            # A process that ended before it went back has still to do so.
            if words[:1] == ["train"] and (before, gone_back) != began:
                words = without_going_back(words)
            code = run_once(commands(words, policy.procs), signals, policy)
            if code not in RESTART or signals.count:
                return code
            after = newest_step(workdir)
            if times_gone_back(workdir) > gone_back:
                before = -1
            stuck = 0 if after > before else stuck + 1
            if stuck > policy.restarts_without_progress:
                _say(f"exit code {code}, and {stuck} starts in a row brought no checkpoint: given up")
                return GIVEN_UP
            wait = pause_seconds(policy.backoff_seconds, stuck)
            _say(f"exit code {code} at step {max(after, 0)}; starting again in {wait:g} s")
            if signals.came.wait(wait):
                return ASKS_FOR_RESTART


def _say(text: str) -> None:
    print(f"launch: {text}", file=sys.stderr, flush=True)
