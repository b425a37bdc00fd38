"""Image files: which there are below a folder, their sizes without decoding, their pixels, ids of a label map."""

import hashlib
import logging
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

from jaxgan.data.source import LOAD_THREADS

EXTENSIONS = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
# Up to here every file is read once before a set is used, minutes at the worst; above, only headers and sizes are.
FULL_SCAN_FILES = 50_000
NAMES_IN_WARNING = 20

logger = logging.getLogger("jaxgan.data")

_TURNED = (5, 6, 7, 8)
_ORIENTATION = 0x0112


class Header(NamedTuple):
    """Header of an image file: size and mode, read before it is decoded.

    Attributes:
      size: (height, width) as a viewer shows it.
      mode: Pillow's, such as 'RGB', 'L', 'P' or 'I;16'.
    """

    size: tuple[int, int]
    mode: str

    @property
    def is_grey(self) -> bool:
        """Whether one channel, perhaps with transparency, holds the picture."""
        return self.mode in ("1", "L", "LA") or self.mode.startswith("I")


def visible_files(root: Path) -> list[Path]:
    """Every file below ``root`` that is not hidden, sorted."""
    files = []
    for folder, folders, names in os.walk(root, followlinks=True):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        files += [Path(folder, name) for name in names if not name.startswith(".")]
    return sorted(files)


def picture_files(root: Path) -> tuple[list[Path], tuple[str, ...]]:
    """(the pictures below ``root`` in sorted order, the names of other files), which one warning counts."""
    files = visible_files(root)
    other = {
        file.relative_to(root).as_posix(): f"not one of {' '.join(EXTENSIONS)}"
        for file in files
        if file.suffix.lower() not in EXTENSIONS
    }
    if other:
        logger.warning("%s: left out %d: %s", root, len(other), listing(other))
    return [file for file in files if file.suffix.lower() in EXTENSIONS], tuple(other)


def files_version(path: Path, files: Sequence[Path], full_scan: int = FULL_SCAN_FILES) -> str:
    """Sixteen digits of the SHA-256 of names and contents; of more than ``full_scan`` files ('sizes-...'), names and
    sizes.
    """
    digest = hashlib.sha256()
    whole = len(files) <= full_scan
    with ThreadPoolExecutor(LOAD_THREADS) as pool:
        read = _content if whole else (lambda file: str(file.stat().st_size))
        for file, content in zip(files, pool.map(read, files)):
            digest.update(f"{file.relative_to(path).as_posix()} {content}\n".encode())
    return ("" if whole else "sizes-") + digest.hexdigest()[:16]


def _content(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def decode(file: str | Path) -> np.ndarray:
    """The pixels as a viewer shows them, uint8 [H, W, C] with C = 1, 3 or 4."""
    with Image.open(file) as opened:
        picture = ImageOps.exif_transpose(opened)
        if picture.mode.startswith("I"):
            # Pillow's own conversion of 16-bit grey clips at 255 where it should scale.
            return (np.asarray(picture).astype(np.uint32) >> 8).astype(np.uint8)[:, :, None]
        if picture.has_transparency_data:
            return np.asarray(picture.convert("RGBA"))
        if picture.mode in ("1", "L"):
            return np.asarray(picture.convert("L"))[:, :, None]
        return np.asarray(picture.convert("RGB"))


def listing(rejected: Mapping[str, str]) -> str:
    """Names with their reasons, the first twenty of them, and how many more there are."""
    named = [f"{name} ({reason})" for name, reason in list(rejected.items())[:NAMES_IN_WARNING]]
    rest = len(rejected) - len(named)
    return ", ".join(named) + (f" and {rest} more" if rest else "")


def read_headers(files: Sequence[Path]) -> list[Header]:
    """The headers of files, read by threads.

    Raises:
      ValueError: naming the first that cannot be read.
    """
    with ThreadPoolExecutor(LOAD_THREADS) as pool:
        return list(pool.map(_header, files))


def _header(file: Path) -> Header:
    try:
        with Image.open(file) as picture:
            turned = picture.getexif().get(_ORIENTATION, 1) in _TURNED
            size = picture.size if turned else picture.size[::-1]
            return Header((size[0], size[1]), picture.mode)
    except Exception as error:  # Pillow's decoders raise a dozen kinds on damaged files
        raise ValueError(f"cannot read {file}: {error}; restore or remove it") from error


def read_pixels(file: str | Path, decoder: Callable[[str | Path], np.ndarray] = decode) -> np.ndarray:
    """Pixels of a file by ``decoder``.

    Raises:
      ValueError: naming a file that cannot be read.
    """
    try:
        return decoder(file)
    except Exception as error:  # Pillow's decoders raise a dozen kinds on damaged files
        raise ValueError(f"cannot read {file}: {error}; restore or remove it") from error


def decode_ids(file: str | Path) -> np.ndarray:
    """The ids of a label map, integers [H, W, 1]: grey levels, or a palette's indices, whatever its colours.

    Raises:
      ValueError: where the file has several channels.
    """
    with Image.open(file) as opened:
        picture = ImageOps.exif_transpose(opened)
        if picture.mode not in ("1", "L", "P") and not picture.mode.startswith("I"):
            raise ValueError(
                f"a label map must have one channel or a palette, this has mode {picture.mode}; store ids, not colours"
            )
        ids = np.asarray(picture)
        return (ids.astype(np.uint8) if ids.dtype == np.bool_ else ids)[:, :, None]


def common_size(files: Iterable[Path], headers: Iterable[Header], advice: str) -> tuple[int, int]:
    """The (height, width) that all have.

    Raises:
      ValueError: naming two that differ, with ``advice``.
    """
    pairs = list(zip(files, headers))
    first, size = pairs[0][0], pairs[0][1].size
    for file, header in pairs:
        if header.size != size:
            raise ValueError(
                f"images differ in size: {first} is {size[0]}x{size[1]}, {file} {header.size[0]}x{header.size[1]}; "
                f"{advice}"
            )
    return size
