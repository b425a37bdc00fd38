"""Errors of storage: what passes by itself or is mended (EIO, ESTALE, EACCES) told from damage, and named."""

import errno
import logging
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TypeVar

from etils import epath

from jaxgan.training.errors import UserError

log = logging.getLogger("jaxgan")

# Waits between attempts to read, in seconds; a storage that fails for longer ends the run.
RETRY_SECONDS = (1.0, 4.0, 15.0)
# A file that should be there and is not is damage, as a wrong byte is. Other errors of reading say nothing of content.
_MISSING = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR)
_TENSORSTORE_ERRNO = re.compile(r"OS error (\d+)|os_error_code='(\d+)'")
# Object stores speak of no errno: statuses of gRPC and of HTTP, and connections.
_REMOTE = re.compile(
    r"\b(?:UNAVAILABLE|DEADLINE_EXCEEDED|PERMISSION_DENIED|UNAUTHENTICATED|ABORTED|CANCELLED)\b"
    r"|RESOURCE_EXHAUSTED.*(?:HTTP|[Qq]uota|\b[Rr]ate\b)"
    r"|HTTP(?:/[\d.]+)?\D{0,40}(?:401|403|408|429|5\d\d)\b"
    r"|\b(?:401|403|408|429|5\d\d) (?:GET|HEAD|POST) http"
    r"|[Cc]onnection (?:reset|refused|aborted|closed)|[Tt]imed out"
)
_CHUNK_BYTES = 2**24

T = TypeVar("T")


class UnreadableError(UserError):
    """Stored bytes that could not be read, of which nothing is known to be wrong."""


def unreadable(path: object, reason: str) -> UnreadableError:
    """The error of bytes at ``path`` that could not be read."""
    return UnreadableError(
        f"cannot read {path}: {reason}. Nothing says that it is damaged, and nothing was changed: mend the storage or "
        "the permissions and run the same command again"
    )


def chain(error: BaseException) -> Iterator[BaseException]:
    """``error`` and those that it came from."""
    seen: set[int] = set()
    found: BaseException | None = error
    while found is not None and id(found) not in seen:
        seen.add(id(found))
        yield found
        found = found.__cause__ or found.__context__


def os_errno(error: BaseException) -> int | None:
    """The number of the operating system's error that ``error`` came from, whether Python or TensorStore met it."""
    return next((number for one in chain(error) if (number := _own_errno(one)) is not None), None)


def _own_errno(one: BaseException) -> int | None:
    if isinstance(one, OSError) and one.errno is not None:
        return one.errno
    if found := _TENSORSTORE_ERRNO.search(str(one)):
        return int(found.group(1) or found.group(2))
    return errno.ETIMEDOUT if isinstance(one, TimeoutError) else None


def is_read_error(error: BaseException) -> bool:
    """Whether reading failed for a reason that says nothing of the content: the operating system's, or an object
    store's (no access, no connection, too many requests, a server that fails).
    """
    for one in chain(error):
        if (number := _own_errno(one)) is not None:
            return number not in _MISSING
        if _REMOTE.search(str(one)):
            return True
        if isinstance(one, OSError):
            return not isinstance(one, FileNotFoundError | NotADirectoryError | IsADirectoryError)
    return False


def is_memory_error(error: BaseException) -> bool:
    """Whether there was too little memory, of the host or a device; a full disk is none, nor is a server's quota."""
    return any(
        isinstance(one, MemoryError)
        or ("RESOURCE_EXHAUSTED" in str(one) and os_errno(one) is None and not _REMOTE.search(str(one)))
        for one in chain(error)
    )


def pauses() -> tuple[float | None, ...]:
    """The waits after each attempt to read, in seconds; None after the last one."""
    return (*RETRY_SECONDS, None)


def _patiently(path: epath.PathLike, read: Callable[[epath.Path], T]) -> T | None:
    """``read(path)``, tried again where storage fails for a while; None where nothing is there.

    Raises:
      UnreadableError: where storage goes on to fail.
    """
    for pause in pauses():
        try:
            return read(epath.Path(path))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except Exception as error:  # object stores raise kinds of their own
            if not is_read_error(error):
                raise
            reason = str(error).splitlines()[0][:300] if str(error) else type(error).__name__
            if pause is None:
                raise unreadable(path, reason) from error
            log.warning("cannot read %s (%s); trying again in %.0f s", path, reason, pause)
            time.sleep(pause)
    raise AssertionError("the last pause is None")


def read_or_none(path: epath.PathLike) -> bytes | None:
    """The bytes of a file; None where there is no such file, which is all that None says.

    Raises:
      UnreadableError: where they could not be read, nor after the waits of ``RETRY_SECONDS``.
    """
    return _patiently(path, lambda file: file.read_bytes())


def list_names(folder: epath.PathLike) -> list[str]:
    """The names in a folder, sorted; one that is missing is an error."""
    return sorted(path.name for path in epath.Path(folder).iterdir())


def names_in(folder: epath.PathLike) -> list[str]:
    """The names in a folder, sorted; none where there is no such folder.

    Raises:
      UnreadableError: as :func:`read_or_none`.
    """
    return _patiently(folder, list_names) or []


def close_all(*closers: Callable[[], None], failing: bool = False) -> None:
    """Calls each in order, whatever the others do, and then raises the first error; the rest are logged.

    Args:
      closers: what closes.
      failing: whether an error is under way already, which none of these may replace: all are logged.
    """
    first: Exception | None = None
    for close in closers:
        try:
            close()
        except Exception as error:
            if not failing and first is None:
                first = error
            elif str(error) != str(first):
                log.error("while closing: %s", error)
    if first is not None:
        raise first


def unreadable_file(folder: epath.PathLike) -> tuple[epath.Path, OSError] | None:
    """The first file below ``folder`` whose bytes cannot be read, with why; None where all can, or are missing."""
    path = epath.Path(folder)
    left = [path]
    try:
        while left:
            path = left.pop()
            if path.is_dir():
                left += sorted(path.iterdir(), reverse=True)
                continue
            with path.open("rb") as file:
                while file.read(_CHUNK_BYTES):
                    pass
    except OSError as error:
        return None if error.errno in _MISSING else (path, error)
    return None


@contextmanager
def _naming(make: Callable[[int], UserError]) -> Iterator[None]:
    """Makes an error of the operating system's number out of its error in the block."""
    try:
        yield
    except Exception as error:
        number = os_errno(error)
        if isinstance(error, UserError) or number is None:
            raise
        raise make(number) from error


def reading(path: epath.PathLike) -> AbstractContextManager[None]:
    """A block in which the operating system's error of a read that fails names ``path``.

    Raises:
      UnreadableError: where it does.
    """
    return _naming(lambda number: unreadable(path, _reason(number)))


def writing(path: epath.PathLike) -> AbstractContextManager[None]:
    """A block in which the error of a write that fails names ``path``.

    Raises:
      UserError: where the disk is full, the folder is read-only or has vanished, or a quota is reached.
    """
    return _naming(lambda number: UserError(f"cannot write {path}: {_reason(number)}; {_advice(number)}"))


def write_whole(path: epath.PathLike, text: str) -> None:
    """Writes a file that takes its name when it is complete, so that a kill leaves the old one or the new one.

    Raises:
      UserError: as :func:`writing`.
    """
    path = epath.Path(path)
    whole = path.with_name(path.name + ".tmp")
    with writing(path):
        whole.write_text(text)
        whole.replace(path)


def _reason(number: int) -> str:
    return f"{errno.errorcode.get(number, number)}, {os.strerror(number).lower()}"


def _advice(number: int) -> str:
    if number in (errno.ENOSPC, errno.EDQUOT):
        return "make room and run the same command again: it goes on from the newest checkpoint"
    if number in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "make the folder writable and run the same command again"
    return "see that the storage is there and run the same command again"
