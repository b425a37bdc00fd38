"""Read arrays from an .npz file: what it claims is checked before memory is taken, and all that can be wrong with it is
one kind of error.
"""

import collections
import math
import os
import resource
import zipfile
from collections.abc import Collection
from pathlib import Path
from typing import IO

import numpy as np

from jaxgan.data.printable import printable
from jaxgan.data.reading import is_passing, not_regular, retried

# No set of images shrinks so far: what unfolds further, and is large, is a trap.
MAX_RATIO = 100
LARGE_BYTES = 2**28
# Arrays may take this share of the memory that is free; converting and sorting them takes more.
MEMORY_SHARE = 0.5
_HEADER_BYTES = 65_536
_LONGEST_REASON = 500
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def read_npz(path: str | os.PathLike[str], names: Collection[str] | None = None) -> dict[str, np.ndarray]:
    """The arrays of an .npz, or those of ``names`` that it has; nothing in it is executed.

    Raises:
      ValueError: where there is no such file, it is no .npz, it is damaged, it holds Python objects, or its arrays are
        larger than its headers say, than half of the free memory, or than any honest file of its size.
      OSError: where the disk or the mount fails.
    """
    place = Path(path).expanduser()
    try:
        return retried(lambda: _read(place, names), place)
    except Exception as error:  # zipfile, zlib and numpy have no one error
        if is_passing(error):
            raise
        raise ValueError(f"cannot read {printable(str(path))}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return "there is not enough memory for its arrays"
    text = str(error) if isinstance(error, ValueError | OSError) else f"{type(error).__name__}: {error}"
    # numpy quotes the header, which may be long.
    return printable(" ".join(text.split())[:_LONGEST_REASON])


def _read(place: Path, names: Collection[str] | None) -> dict[str, np.ndarray]:
    if kind := not_regular(os.stat(place).st_mode):
        raise ValueError(f"it is {kind}, not a regular file")
    # Opened here, since numpy leaves a file that it cannot read open.
    with open(place, "rb") as raw:
        if not zipfile.is_zipfile(raw):
            raise ValueError("it is no .npz, or is truncated")
        raw.seek(0)
        with zipfile.ZipFile(raw) as archive:
            _check(archive, names)
        raw.seek(0)
        with np.load(raw, allow_pickle=False) as file:
            return {name: file[name] for name in file.files if names is None or name in names}


def _check(archive: zipfile.ZipFile, names: Collection[str] | None) -> None:
    """Refuses arrays that are not what their headers say, or too large, before one is read."""
    wanted = [e for e in archive.infolist() if names is None or e.filename.removesuffix(".npy") in names]
    counts = collections.Counter(entry.filename for entry in wanted)
    if twice := [name for name, count in counts.items() if count > 1]:
        raise ValueError(f"it holds {printable(twice[0])} twice")
    for entry in wanted:
        name = printable(entry.filename.removesuffix(".npy"))
        if entry.file_size > LARGE_BYTES and entry.file_size > MAX_RATIO * entry.compress_size:
            raise ValueError(
                f"{name} unfolds from {entry.compress_size / 1e6:.1f} MB to {entry.file_size / 1e6:.0f} MB, over "
                f"{MAX_RATIO} times as much; save it uncompressed, by np.savez, if that is right"
            )
        with archive.open(entry) as member:
            claimed, held = _array_bytes(member, name), entry.file_size
        if claimed != held:
            raise ValueError(f"{name} claims {claimed} bytes, header included, and has {held}: it is damaged")
    total, free = sum(entry.file_size for entry in wanted), free_memory()
    if total > MEMORY_SHARE * free:
        raise ValueError(
            f"its arrays take {total / 1e9:.1f} GB, more than half of the {free / 1e9:.1f} GB of memory that are free; "
            f"give fewer, or a folder of images, which is read piece by piece"
        )


def _array_bytes(member: IO[bytes], name: str) -> int:
    """Bytes that an .npy says it has: its header and what shape and dtype make."""
    version = np.lib.format.read_magic(member)
    if version not in _HEADERS:
        raise ValueError(f"{name} has a header of version {version}, which arrays of numbers do not have")
    shape, _, dtype = _HEADERS[version](member, max_header_size=_HEADER_BYTES)
    if dtype.hasobject:
        raise ValueError(f"{name} holds Python objects, which are not read")
    if not all(type(n) is int and n >= 0 for n in shape):
        raise ValueError(f"{name} has the shape {shape}")
    return member.tell() + math.prod(shape) * dtype.itemsize


def free_memory(root: Path = Path("/")) -> int:
    """Bytes of memory that this process can still take: of the machine, of its control group and of its own limit.

    Args:
      root: of the file system that says so.
    """
    found = [2**63]
    for path, read in ((root / "proc/meminfo", _available), (root / "sys/fs/cgroup", _left_of_group)):
        try:
            found.append(read(path))
        except (OSError, ValueError):  # another system, or no limit
            continue
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit != resource.RLIM_INFINITY:
        found.append(limit)
    return min(found)


def _available(meminfo: Path) -> int:
    line = next(line for line in meminfo.read_text().splitlines() if line.startswith("MemAvailable:"))
    return int(line.split()[1]) * 1024


def _left_of_group(group: Path) -> int:
    """Bytes that the limit of a control group leaves; files that were read count as free."""
    limit = int((group / "memory.max").read_text())
    try:
        used = int((group / "memory.current").read_text())
        lines = (group / "memory.stat").read_text().splitlines()
        files = sum(int(line.split()[1]) for line in lines if line.startswith("inactive_file "))
        return max(0, limit - max(0, used - files))
    except OSError:  # the root's group says no more than the limit
        return limit


def npz_names(path: str | os.PathLike[str]) -> list[str]:
    """The names of an .npz's arrays, without reading them; none of what is no .npz."""
    place = Path(path).expanduser()
    try:
        if not_regular(os.stat(place).st_mode) or not zipfile.is_zipfile(place):
            return []
        with zipfile.ZipFile(place) as archive:
            return [name.removesuffix(".npy") for name in archive.namelist()]
    except (zipfile.BadZipFile, FileNotFoundError):
        return []
