"""Read files over passing errors: retries, limits on size, and names that are safe to print."""

import errno
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from jaxgan.data.printable import printable

MAX_FILE_BYTES = 2**30
PAUSES_SECONDS = (0.1, 0.5)

# A disk or a mount fails with these, not a file: they say nothing of its content, and often pass.
_PASSING_NAMES = (
    *("EIO", "ESTALE", "ETIMEDOUT", "EAGAIN", "EBUSY", "EINTR", "ENOMEM", "ENFILE", "EMFILE", "ENODEV", "ENOTCONN"),
    *("ECONNRESET", "ECONNABORTED", "EHOSTDOWN", "EHOSTUNREACH", "ENETDOWN", "ENETUNREACH", "EREMOTEIO", "ENOLINK"),
    *("ENOBUFS", "ESHUTDOWN"),
)
PASSING = frozenset(getattr(errno, name) for name in _PASSING_NAMES if hasattr(errno, name))

_KINDS = {
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
}

T = TypeVar("T")


def is_passing(error: BaseException) -> bool:
    """Whether an error is the disk's or the mount's, and says nothing of the file."""
    return isinstance(error, OSError) and error.errno in PASSING


def retried(call: Callable[[], T], path: str | os.PathLike[str]) -> T:
    """``call()``, again after a pause where it fails by a passing error.

    Raises:
      OSError: that error, naming ``path`` and what to do, where it does not pass; any other error at once.
    """
    for pause in (*PAUSES_SECONDS, None):
        try:
            return call()
        except OSError as error:
            if not is_passing(error):
                raise
            if pause is None:
                tries = 1 + len(PAUSES_SECONDS)
                raise OSError(
                    error.errno,
                    f"{error.strerror or error} ({tries} tries); this says nothing against the file: mend the disk or "
                    f"the mount, and start again",
                    printable(os.fspath(path)),
                ) from error
            time.sleep(pause)
    raise AssertionError


def of_system(call: Callable[[], T]) -> T:
    """``call()`` of a reader that says RuntimeError whatever happens: a passing error of the disk or the mount, which
    its text names, is raised as the OSError that it is.
    """
    try:
        return call()
    except RuntimeError as error:
        codes = [code for code in sorted(PASSING) if os.strerror(code) in str(error)]
        if not codes:
            raise
        raise OSError(codes[0], os.strerror(codes[0])) from error


def not_regular(mode: int) -> str:
    """Description of what a file of this ``st_mode`` is, where it is no regular one; '' where it is."""
    return "" if stat.S_ISREG(mode) else _KINDS.get(stat.S_IFMT(mode), "no file")


def read_file(path: str | os.PathLike[str], limit: int = MAX_FILE_BYTES) -> bytes:
    """The content of a regular file of at most ``limit`` bytes.

    Raises:
      ValueError: where it is a FIFO, a device or larger, before it is opened.
      OSError: where it cannot be read; a passing error is tried again first.
    """

    def read() -> bytes:
        status = os.stat(path)
        if kind := not_regular(status.st_mode):
            raise ValueError(f"is {kind}, not a regular file")
        if status.st_size > limit:
            raise ValueError(f"has {status.st_size / 1e9:.1f} GB, more than the {limit / 1e9:.1f} GB that are read")
        return Path(path).read_bytes()

    return retried(read, path)
