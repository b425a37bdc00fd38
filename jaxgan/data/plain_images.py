"""Images without labels from files: one image, or a folder for each domain and split (trainA, trainB, testA, testB)."""

import dataclasses
import functools
import logging
import os
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jaxgan.data.fields import Field
from jaxgan.data.image_files import EXTENSIONS, Header, common_size, decode_bytes, read_pixels, reason
from jaxgan.data.picture_scan import files_version, listing, scan_pictures
from jaxgan.data.printable import printable
from jaxgan.data.reading import is_passing, read_file
from jaxgan.data.source import Batch, Source
from jaxgan.data.transforms import center_crop_resize, to_channels

logger = logging.getLogger("jaxgan.data")


def single_image_source(
    path: str | os.PathLike[str], image_size: tuple[int, int] | None = None, channels: int = 3
) -> Source:
    """A set of one image, for methods that learn from it alone (SinGAN, arXiv:1905.01164).

    Args:
      path: the file.
      image_size: (height, width) after a centre crop; the image's own where None.
      channels: 1 (grey) or 3 (RGB).

    Raises:
      ValueError: where there is no such file, or it is no image.
    """
    file = Path(path).expanduser()
    if not file.is_file():
        raise ValueError(f"image:{path} is not a file; give the path of one image ({' '.join(EXTENSIONS)})")
    try:
        header = decode_bytes(read_file(file))[1]
    except Exception as error:  # Pillow's decoders raise a dozen kinds on damaged files
        if is_passing(error):
            raise
        raise ValueError(f"cannot read {printable(str(file))}: {reason(error)}; give another image") from error
    if header.frames > 1:
        logger.warning("image:%s: the first of %d frames is taken", printable(str(path)), header.frames)
    return _files_source(f"image:{path}", file.parent, [file], [header], image_size, channels)


def domain_sources(
    path: str | os.PathLike[str], split: str = "train", image_size: tuple[int, int] | None = None, channels: int = 3
) -> dict[str, Source]:
    """The sets of unpaired domains: ``path``/trainA is the domain 'A' of the split 'train'.

    Args:
      path: the folder, with sub-folders <split><domain>; a domain is a capital letter.
      split: such as 'train' or 'test'.
      image_size: (height, width) after a centre crop; None where all images of a domain are of one size.
      channels: 1 (grey) or 3 (RGB).

    Returns:
      {'A': source, 'B': source}, each with the field 'image'.

    Raises:
      ValueError: where the folder is missing, has no two domains of the split, or one of them is empty.
    """
    name = f"domains:{path}"
    root = Path(path).expanduser()
    if not root.is_dir():
        raise ValueError(f"{name} is not a folder; give a folder with the sub-folders trainA, trainB, testA and testB")
    folders = sorted(p.name for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))
    domains = split_domains(folders, split)
    if len(domains) < 2:
        raise ValueError(f"{name} has the sub-folders {folders}; the split {split!r} needs {split}A and {split}B")
    return {domain: domain_source(path, folder, image_size, channels) for domain, folder in domains.items()}


def domain_source(
    path: str | os.PathLike[str], folder: str, image_size: tuple[int, int] | None = None, channels: int = 3
) -> Source:
    """The set of one domain of a split, by its folder's name: 'testA'.

    Args:
      path, image_size, channels: as in :func:`domain_sources`.
      folder: the name of a sub-folder.

    Raises:
      ValueError: where there is no such folder, naming those there are, or it has no picture that can be read.
    """
    name, root = f"domains:{path}", Path(path).expanduser()
    there = sorted(p.name for p in root.iterdir() if p.is_dir() and p.name[-1:].isupper()) if root.is_dir() else []
    if folder not in there:
        raise ValueError(f"{name} has the domains {there}, not {folder!r}; name one, or open all with open_domains")
    scan = scan_pictures(root / folder)
    if not scan.files:
        left_out = f"left out {len(scan.left_out)}: {listing(scan.left_out)}; " if scan.left_out else ""
        raise ValueError(
            f"{name}: {root / folder} has no picture ({' '.join(EXTENSIONS)}) that can be read; {left_out}fill it or "
            f"remove it"
        )
    scan.report(f"{name}/{folder}")
    made = _files_source(f"{name}/{folder}", root / folder, scan.files, scan.headers, image_size, channels)
    return dataclasses.replace(made, read_version=functools.partial(str, scan.version), rejected=tuple(scan.left_out))


def split_domains(names: Sequence[str], split: str) -> dict[str, str]:
    """Domain -> the name of its part: {'A': 'trainA', 'B': 'trainB'}, of the names that are ``split`` and a letter."""
    found = ((re.fullmatch(re.escape(split) + "([A-Z])", name), name) for name in sorted(names))
    return {match[1]: name for match, name in found if match}


def _files_source(
    name: str,
    base: Path,
    files: Sequence[Path],
    headers: Sequence[Header],
    image_size: tuple[int, int] | None,
    channels: int,
) -> Source:
    size = image_size or common_size(files, headers, "pass image_size=(height, width)")
    center_crop_resize(to_channels(np.zeros((1, 1, 3), np.uint8), channels), size)
    return Source(
        name=name,
        length=len(files),
        fields={"image": Field((*size, channels), np.uint8, "image")},
        fetch=functools.partial(_fetch, tuple(files), (size[0], size[1]), channels),
        in_memory=False,
        names=tuple(f.relative_to(base).with_suffix("").as_posix() for f in files).__getitem__,
        read_version=functools.partial(files_version, base, tuple(files)),
    )


def _fetch(files: Sequence[Path], size: tuple[int, int], channels: int, indices: np.ndarray) -> Batch:
    images = [center_crop_resize(to_channels(read_pixels(files[i]), channels), size) for i in indices]
    return {"image": np.stack(images)}
