#!/usr/bin/env python3
"""Trains on one machine, and starts the run again where that can help.

    python launch/one_node.py [--processes=N] -- --config=NAME --workdir=DIR [more flags of `jaxgan train`]

With ``--processes=N`` the run is N processes that meet over loopback, each on its own GPU; with one, flags such as
``--coordinator=auto`` pass through. Exit codes 42 (asks for a restart), 134 (JAX ended it because a peer was lost), 137
(killed) and 143 (SIGTERM before training listened) start it again, after a wait that doubles; other codes are final.
Where restart after restart brings no new checkpoint, it gives up with 1, so that no scheduler above goes on with it.
SIGTERM and SIGINT reach the processes as SIGTERM, on which they save and leave with 42; there is no restart then. A
second one kills.
"""

import argparse
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from types import FrameType

from etils import epath

RESTART = (42, 134, 137, 143)
GIVEN_UP = 1
LONGEST_WAIT_SECONDS = 300.0


def workdir_of(flags: Sequence[str]) -> epath.Path:
    """The run's folder, as `jaxgan train` will read it.

    Raises:
      ValueError: where there is none.
    """
    for index, flag in enumerate(flags):
        name, equals, value = flag.partition("=")
        if name == "--workdir" and (equals or index + 1 < len(flags)):
            return epath.Path(os.path.expanduser(value if equals else flags[index + 1]))
    raise ValueError("no --workdir=DIR among the flags after `--`; the run needs a folder")


def newest_step(workdir: epath.Path) -> int:
    """The newest checkpoint's step; -1 where there is none."""
    folder = workdir / "checkpoints"
    if not folder.exists():
        return -1
    return max((int(path.name) for path in folder.iterdir() if path.name.isdigit()), default=-1)


def commands(flags: Sequence[str], processes: int) -> list[list[str]]:
    """A command line for each process.

    Raises:
      ValueError: where several processes are wanted and the flags already say how they meet.
    """
    train = [sys.executable, "-m", "jaxgan", "train", *flags]
    if processes == 1:
        return [train]
    if taken := [flag for flag in flags if flag.startswith(("--coordinator", "--num_processes", "--process_id"))]:
        raise ValueError(f"{taken[0]} and --processes={processes} exclude each other; leave one out")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    peers = [f"--coordinator=127.0.0.1:{port}", f"--num_processes={processes}"]
    return [[*train, *peers, f"--process_id={index}"] for index in range(processes)]


def environment(index: int, processes: int) -> dict[str, str]:
    """The environment of process ``index``: of several processes, each sees the GPU of its own number."""
    # JAX reads this variable; without it every process would take all GPUs. It means nothing to CPUs.
    own = {"JAX_LOCAL_DEVICE_IDS": str(index)} if processes > 1 else {}
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
    """Counts SIGTERM and SIGINT."""

    def __init__(self) -> None:
        self.count = 0
        self.came = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self.count += 1
        self.came.set()


def run_once(lines: Sequence[Sequence[str]], signals: Signals, *, grace_seconds: float) -> int:
    """Runs the processes to their end; returns the exit code of the one that made the run end.

    Once a process has failed, the others cannot go on: those still there after ``grace_seconds`` are killed.
    """
    # A session each: Ctrl-C in a terminal would reach them all as SIGINT, on which several processes do not save.
    children = [
        subprocess.Popen(line, env=environment(index, len(lines)), start_new_session=True)
        for index, line in enumerate(lines)
    ]
    told, first, deadline = 0, 0, float("inf")
    while True:
        codes = [None if (status := child.poll()) is None else exit_code(status) for child in children]
        ended = [code for code in codes if code is not None]
        first = first or cause(ended)
        if len(ended) == len(children):
            return first
        if first not in (0, 42):
            deadline = min(deadline, time.monotonic() + grace_seconds)
        running = [child for child, code in zip(children, codes) if code is None]
        if signals.count > told:
            told = signals.count
            for child in running:
                child.send_signal(signal.SIGTERM if told == 1 else signal.SIGKILL)
        if time.monotonic() > deadline:
            for child in running:
                child.kill()
        time.sleep(0.1)


def supervise(
    flags: Sequence[str],
    *,
    processes: int,
    backoff_seconds: float,
    restarts_without_progress: int,
    grace_seconds: float,
) -> int:
    """Runs, and runs again where that can help; returns the final exit code."""
    workdir, signals, stuck = workdir_of(flags), Signals(), 0
    while True:
        before = newest_step(workdir)
        code = run_once(commands(flags, processes), signals, grace_seconds=grace_seconds)
        if code not in RESTART or signals.count:
            return code
        after = newest_step(workdir)
        stuck = 0 if after > before else stuck + 1
        if stuck > restarts_without_progress:
            print(
                f"one_node: exit code {code}, and {stuck} starts in a row brought no checkpoint: given up",
                file=sys.stderr,
            )
            return GIVEN_UP
        wait = min(backoff_seconds * 2**stuck, LONGEST_WAIT_SECONDS)
        print(f"one_node: exit code {code} at step {max(after, 0)}; starting again in {wait:.0f} s", file=sys.stderr)
        if signals.came.wait(wait):
            return 42


def parser() -> argparse.ArgumentParser:
    """The flags of this program; those of `jaxgan train` follow ``--``."""
    made = argparse.ArgumentParser(
        prog="one_node.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    made.add_argument("--processes", type=int, default=1, help="of the run, a GPU each (default 1, on all GPUs)")
    made.add_argument("--backoff_seconds", type=float, default=5.0, help="first wait before a restart (default 5)")
    made.add_argument(
        "--restarts_without_progress",
        type=int,
        default=3,
        help="restarts in a row without a new checkpoint (default 3)",
    )
    made.add_argument(
        "--grace_seconds", type=float, default=30.0, help="what the others have once a process failed (default 30)"
    )
    made.add_argument("flags", nargs="+", metavar="-- FLAGS", help="flags of `jaxgan train`")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Runs; returns the exit code."""
    options = vars(parser().parse_args(argv))
    try:
        return supervise(options.pop("flags"), **options)
    except ValueError as error:
        print(f"one_node: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
