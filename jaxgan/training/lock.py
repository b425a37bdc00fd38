"""The lock of a run's folder: one writer, named by host, process and run; one that died is recognised, anywhere."""

import contextlib
import fcntl
import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import jax
from etils import epath

from jaxgan.training.errors import UserError
from jaxgan.training.storage import writing

# The holder renews the file's time so often; a holder on another host that lets three beats pass is dead.
BEAT_SECONDS = 5.0


@contextlib.contextmanager
def lock(workdir: epath.PathLike, *, beat_seconds: float = BEAT_SECONDS) -> Iterator[None]:
    """Holds the folder against a second run, until the block or the process ends, however it ends.

    On one host the kernel's lock says whether the holder lives. Where file systems do not carry that lock from host to
    host, a holder of another host is watched for three beats: it is dead where the file's time stands still. Object
    stores have no locks; there it holds nothing.

    Raises:
      UserError: where another process holds it, with its host, process and run.
    """
    path = epath.Path(workdir)
    if "://" in str(path) or jax.process_index() != 0:
        yield
        return
    file_path = Path(path) / "LOCK"
    with writing(file_path):
        file_path.parent.mkdir(parents=True, exist_ok=True)
        file = open(file_path, "a+")  # noqa: SIM115 (held for the run)
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UserError(_in_use(workdir, _holder(file_path))) from None
        holder = _holder(file_path)
        if holder.get("host", socket.gethostname()) != socket.gethostname() and _beats(file_path, beat_seconds):
            raise UserError(_in_use(workdir, holder))
        file.truncate(0)
        file.write(json.dumps({"host": socket.gethostname(), "pid": os.getpid(), "run": uuid.uuid4().hex}))
        file.flush()
        ended = threading.Event()
        beat = threading.Thread(target=_renew, args=(file_path, ended, beat_seconds), name="lock", daemon=True)
        beat.start()
        try:
            yield
        finally:
            ended.set()
            beat.join()
            file.truncate(0)


def _renew(path: Path, ended: threading.Event, seconds: float) -> None:
    while not ended.wait(seconds):
        with contextlib.suppress(OSError):  # what fails here fails in a save too, and is told there
            os.utime(path)


def _holder(path: Path) -> dict[str, str]:
    """The content of a lock; empty where nobody left any."""
    try:
        found = json.loads(path.read_text())
    except ValueError:
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
