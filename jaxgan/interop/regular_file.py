"""Read a file of weights whole: a regular one, over passing errors of the disk."""

import sys
from os import PathLike

from jaxgan.data.reading import read_file


def read_regular(path: str | PathLike[str]) -> bytes:
    """The content of a regular file of any size.

    Raises:
      ValueError: naming it, where it is a FIFO or a device, which would be waited for without an end.
      OSError: where it cannot be read; a passing error is tried again first.
    """
    try:
        return read_file(path, sys.maxsize)
    except ValueError as error:
        raise ValueError(f"cannot read {path}: it {error}") from error
