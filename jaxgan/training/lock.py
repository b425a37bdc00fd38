"""The lock of a run's folder: one writer, named by host, process and run; one that died is recognised, anywhere."""

import contextlib
import errno
import fcntl
import json
import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import jax
from etils import epath

from jaxgan.training.errors import UserError
from jaxgan.training.storage import writing

log = logging.getLogger("jaxgan")

# A file system that has no locks, or whose server of locks is down.
_NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)
# The holder renews the file's time so often; a holder on another host that lets three beats pass is dead.
BEAT_SECONDS = 5.0


@contextlib.contextmanager
def lock(workdir: epath.PathLike, *, beat_seconds: float = BEAT_SECONDS) -> Iterator[None]:
    """Holds the folder against a second run, until the block or the process ends, however it ends.

    On one host the kernel's lock says whether the holder lives. Where file systems do not carry that lock from host to
    host, a holder of another host is watched for three beats: it is dead where the file's time stands still. Object
    stores have no locks; there it holds nothing. On a file system that has none, which is said, every holder is watched
    for three beats.

    Raises:
      UserError: where another process holds it, with its host, process and run; or it cannot be locked or written.
    """
    path = epath.Path(workdir)
    if "://" in str(path) or jax.process_index() != 0:
        yield
        return
    file_path = Path(path) / "LOCK"
    with writing(file_path):
        file_path.parent.mkdir(parents=True, exist_ok=True)
        # Without a buffer, which closing would write once more.
        file = open(file_path, "ab+", buffering=0)  # noqa: SIM115 (held for the run)
    with file:
        locked = _flock(file, workdir, file_path)
        holder = _holder(file_path)
        untold = not locked or holder.get("host", socket.gethostname()) != socket.gethostname()
        if holder and untold and _beats(file_path, beat_seconds):
            raise UserError(_in_use(workdir, holder))
        mine = {"host": socket.gethostname(), "pid": os.getpid(), "run": uuid.uuid4().hex}
        with writing(file_path):
            file.truncate(0)
            file.write(json.dumps(mine).encode())
        if not locked:
            # Of two that start at once, the one that wrote last goes on.
            time.sleep(min(beat_seconds, 1.0))
            if _holder(file_path).get("run") != mine["run"]:
                raise UserError(_in_use(workdir, _holder(file_path)))
        ended = threading.Event()
        beat = threading.Thread(target=_renew, args=(file_path, ended, beat_seconds), name="lock", daemon=True)
        beat.start()
        try:
            yield
        finally:
            ended.set()
            beat.join()
            with contextlib.suppress(OSError):  # the next start finds a holder that does not beat
                file.truncate(0)


def _flock(file: IO[bytes], workdir: epath.PathLike, path: Path) -> bool:
    """Takes the kernel's lock; whether the file system has such locks.

    Raises:
      UserError: where another process holds it, or locking fails.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UserError(_in_use(workdir, _holder(path))) from None
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise UserError(
                f"cannot lock {path}: {errno.errorcode.get(error.errno or 0, error.errno)}, {error.strerror}; see that "
                "the storage is there and run the same command again"
            ) from error
        log.warning(
            "%s: this file system has no locks (%s); a second run here is told by its heartbeat alone, and two that "
            "start within a second may not see each other",
            path,
            errno.errorcode[error.errno],
        )
        return False
    return True


def _renew(path: Path, ended: threading.Event, seconds: float) -> None:
    while not ended.wait(seconds):
        with contextlib.suppress(OSError):  # what fails here fails in a save too, and is told there
            os.utime(path)


def _holder(path: Path) -> dict[str, str]:
    """The content of a lock; empty where nobody left any."""
    try:
        found = json.loads(path.read_text())
    except (ValueError, RecursionError):
        return {}
    return {key: str(value) for key, value in found.items()} if isinstance(found, dict) else {"pid": str(found)}


def _beats(path: Path, seconds: float) -> bool:
    before = path.stat().st_mtime_ns
    end = time.monotonic() + 3 * seconds
    while time.monotonic() < end:
        time.sleep(min(seconds / 5, 1.0))
        if path.stat().st_mtime_ns != before:
            return True
    return False


def _in_use(workdir: epath.PathLike, holder: dict[str, str]) -> str:
    where = f" on {holder['host']}" if "host" in holder else ""
    run = f" (run {holder['run'][:8]})" if "run" in holder else ""
    return (
        f"{workdir} is in use by process {holder.get('pid', 'unknown')}{where}{run}; wait for it, or choose another "
        "--workdir"
    )
