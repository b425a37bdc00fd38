"""Scan a folder for pictures that can be read: the rest is named and counted, whatever the folder is for."""

import dataclasses
import functools
import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from jaxgan.data.image_files import EXTENSIONS, Header, check_pixels, read_header, reason, seems_whole
from jaxgan.data.printable import printable
from jaxgan.data.reading import is_passing, read_file
from jaxgan.data.source import LOAD_THREADS
from jaxgan.data.walk import walk

# Up to here every file is read once before a set is used, minutes at the worst; above, only its header and its end are.
FULL_SCAN_FILES = 50_000
NAMES_IN_WARNING = 20

logger = logging.getLogger("jaxgan.data")


@dataclasses.dataclass(frozen=True)
class Scan:
    """The pictures of a folder that can be read.

    Attributes:
      root: the folder.
      files: the pictures, in sorted order.
      headers: theirs.
      contents: of each, the SHA-256 of its bytes, or its size where the folder is too large to be read.
      is_full: whether every file was read.
      left_out: name relative to the folder (of folders with '/') -> why it is left out.
      outside: links that lead out of the folder -> where they lead.
    """

    root: Path
    files: tuple[Path, ...]
    headers: tuple[Header, ...]
    contents: tuple[str, ...]
    is_full: bool
    left_out: Mapping[str, str]
    outside: Mapping[str, str]

    @functools.cached_property
    def names(self) -> tuple[str, ...]:
        """The files' names relative to the folder, with '/'."""
        return tuple(file.relative_to(self.root).as_posix() for file in self.files)

    @property
    def version(self) -> str:
        """Sixteen digits of the SHA-256 of names and contents; 'sizes-...' where it is of names and sizes."""
        return _version(self.names, self.contents, self.is_full)

    @property
    def common_size(self) -> tuple[int, int] | None:
        """(height, width) of all pictures; None where they differ."""
        sizes = {header.size for header in self.headers}
        return sizes.pop() if len(sizes) == 1 else None

    def keep(self, chosen: Sequence[int] | np.ndarray, why: Mapping[str, str] | None = None) -> "Scan":
        """The pictures of ``chosen``, in that order; ``why`` joins what is left out."""
        indices = [int(index) for index in chosen]
        return dataclasses.replace(
            self,
            files=tuple(self.files[i] for i in indices),
            headers=tuple(self.headers[i] for i in indices),
            contents=tuple(self.contents[i] for i in indices),
            left_out={**self.left_out, **(why or {})},
        )

    def report(self, name: str) -> None:
        """Logs what is left out, animated pictures and links that lead outside, in a line each, under ``name``."""
        if self.left_out:
            logger.warning("%s: left out %d: %s", printable(name), len(self.left_out), listing(self.left_out))
        animated = [n for n, header in zip(self.names, self.headers) if header.frames > 1]
        if animated:
            logger.warning("%s: the first frame is taken of %d: %s", printable(name), len(animated), some(animated))
        if self.outside:
            links = [f"{link} -> {target}" for link, target in self.outside.items()]
            logger.warning("%s: %d links lead outside of it: %s", printable(name), len(links), some(links))


def scan_pictures(root: Path, check: Callable[[bytes], Header] = check_pixels) -> Scan:
    """The pictures below ``root`` that can be read, by threads.

    Args:
      root: the folder.
      check: the header of a file's content, or an error where it is of no use; ``check_picture`` takes maps of ids too.

    Raises:
      OSError: where the disk or the mount fails, which says nothing against a file: it is not left out.
    """
    walked = walk(root)
    candidates = [file for file in walked.files if file.suffix.lower() in EXTENSIONS]
    is_full = len(candidates) <= FULL_SCAN_FILES
    read = functools.partial(_read_whole if is_full else _read_ends, check)
    with ThreadPoolExecutor(LOAD_THREADS) as pool:
        found = dict(zip(candidates, pool.map(functools.partial(_checked, read), candidates)))
    left_out = dict(walked.left_out)
    for file in walked.files:
        if file not in found:
            left_out[file.relative_to(root).as_posix()] = f"not one of {' '.join(EXTENSIONS)}"
        elif isinstance(problem := found[file], str):
            left_out[file.relative_to(root).as_posix()] = problem
    good = {file: read for file, read in found.items() if not isinstance(read, str)}
    return Scan(
        root,
        tuple(good),
        tuple(header for header, _ in good.values()),
        tuple(content for _, content in good.values()),
        is_full,
        dict(sorted(left_out.items())),
        walked.outside,
    )


def readable_folders(root: Path) -> set[str]:
    """The folders directly below ``root`` that hold a picture which :func:`scan_pictures` would find, reading no more
    than that takes.
    """
    candidates = [file for file in walk(root).files if file.suffix.lower() in EXTENSIONS]
    read = functools.partial(_read_whole if len(candidates) <= FULL_SCAN_FILES else _read_ends, check_pixels)
    found: set[str] = set()
    for file in candidates:
        folder, *below = file.relative_to(root).parts
        if below and folder not in found and not isinstance(_checked(read, file), str):
            found.add(folder)
    return found


def _checked(read: Callable[[Path], tuple[Header, str]], file: Path) -> tuple[Header, str] | str:
    """The header and content of a file, or why it cannot be used."""
    try:
        return read(file)
    # Pillow's decoders raise a dozen kinds on damaged files; each is reported with its reason, none is swallowed.
    except Exception as error:
        if is_passing(error) or isinstance(error, MemoryError):
            raise
        return reason(error)


def _read_whole(check: Callable[[bytes], Header], file: Path) -> tuple[Header, str]:
    data = read_file(file)
    return check(data), hashlib.sha256(data).hexdigest()


def _read_ends(check: Callable[[bytes], Header], file: Path) -> tuple[Header, str]:
    header = read_header(file) if seems_whole(file) else check(read_file(file))
    return header, str(file.stat().st_size)


def picture_files(root: Path) -> tuple[list[Path], tuple[str, ...]]:
    """(the pictures below ``root`` in sorted order, unread; the names of the rest, which one warning counts)."""
    walked = walk(root)
    other = {
        file.relative_to(root).as_posix(): f"not one of {' '.join(EXTENSIONS)}"
        for file in walked.files
        if file.suffix.lower() not in EXTENSIONS
    }
    left_out = dict(sorted((walked.left_out | other).items()))
    files = tuple(file for file in walked.files if file.suffix.lower() in EXTENSIONS)
    Scan(root, files, (), (), False, left_out, walked.outside).report(str(root))
    return list(files), tuple(left_out)


def files_version(path: Path, files: Sequence[Path]) -> str:
    """Sixteen digits of the SHA-256 of names and contents; of more than 50,000 files ('sizes-...'), names and sizes."""
    is_full = len(files) <= FULL_SCAN_FILES
    with ThreadPoolExecutor(LOAD_THREADS) as pool:
        contents = tuple(pool.map(_content if is_full else (lambda file: str(file.stat().st_size)), files))
    return _version([file.relative_to(path).as_posix() for file in files], contents, is_full)


def _content(file: Path) -> str:
    return hashlib.sha256(read_file(file)).hexdigest()


def _version(names: Sequence[str], contents: Sequence[str], is_full: bool) -> str:
    digest = hashlib.sha256()
    for name, content in zip(names, contents):
        # As the file system has them: names need not be UTF-8.
        digest.update(f"{name} {content}\n".encode(errors="surrogateescape"))
    return ("" if is_full else "sizes-") + digest.hexdigest()[:16]


def class_order(names: Sequence[str] | set[str]) -> list[str]:
    """Class names in order: as numbers where all are ('2' before '10'), else as text."""
    if all(name.isascii() and name.isdigit() for name in names):
        return sorted(set(names), key=lambda name: (int(name), name))
    return sorted(set(names))


def listing(left_out: Mapping[str, str]) -> str:
    """Names with their reasons, the first twenty of them, and how many more there are."""
    return some([f"{name} ({why})" for name, why in left_out.items()])


def some(names: Sequence[str]) -> str:
    """The first twenty names, and how many more there are."""
    rest = len(names) - NAMES_IN_WARNING
    return ", ".join(map(printable, names[:NAMES_IN_WARNING])) + (f" and {rest} more" if rest > 0 else "")
