"""Errors of storage: what passes by itself or is mended (EIO, ESTALE, EACCES) told from damage, and named."""

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

from etils import epath

from jaxgan.training.errors import UserError

# A file that should be there and is not is damage, as a wrong byte is. Other errors of reading say nothing of content.
_MISSING = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR)
_TENSORSTORE_ERRNO = re.compile(r"OS error (\d+)|os_error_code='(\d+)'")
_CHUNK_BYTES = 2**24


class UnreadableError(UserError):
    """Stored bytes that could not be read, of which nothing is known to be wrong."""


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
    for one in chain(error):
        if isinstance(one, OSError) and one.errno is not None:
            return one.errno
        if found := _TENSORSTORE_ERRNO.search(str(one)):
            return int(found.group(1) or found.group(2))
        if isinstance(one, TimeoutError):
            return errno.ETIMEDOUT
    return None


def is_read_error(error: BaseException) -> bool:
    """Whether reading failed for a reason that says nothing of the content."""
    number = os_errno(error)
    if number is not None:
        return number not in _MISSING
    found = [one for one in chain(error) if isinstance(one, OSError)]
    return bool(found) and not any(isinstance(one, FileNotFoundError | NotADirectoryError) for one in found)


def is_memory_error(error: BaseException) -> bool:
    """Whether there was too little memory, of the host or a device; a full disk is none."""
    return any(
        isinstance(one, MemoryError) or ("RESOURCE_EXHAUSTED" in str(one) and os_errno(one) is None)
        for one in chain(error)
    )


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
def writing(path: epath.PathLike) -> Iterator[None]:
    """Names ``path`` in the error of a write in the block that fails.

    Raises:
      UserError: where the disk is full, the folder is read-only or has vanished, or a quota is reached.
    """
    try:
        yield
    except Exception as error:
        number = os_errno(error)
        if isinstance(error, UserError) or number is None:
            raise
        raise UserError(f"cannot write {path}: {_reason(number)}; {_advice(number)}") from error


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
