"""A folder of images with one sub-folder per class."""

import functools
import logging
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from jaxgan.data.image_files import EXTENSIONS, FULL_SCAN_FILES, decode, listing, visible_files
from jaxgan.data.source import LOAD_THREADS, Batch, Source, image_fields
from jaxgan.data.transforms import center_crop_resize, to_channels

logger = logging.getLogger("jaxgan.data")


def folder_source(path: str | os.PathLike[str], image_size: tuple[int, int], channels: int) -> Source:
    """Images below ``path``/<class>/, at any depth; classes are the sub-folders' names in sorted order.

    A file that is no image, cannot be read, or lies outside the sub-folders is left out, and so is a class without
    images. All are named in ``rejected`` and counted in one logged warning; hidden files and folders are passed over.

    Args:
      path: the folder.
      image_size: (height, width) after a centre crop.
      channels: 1 (grey) or 3 (RGB).

    Raises:
      ValueError: where the folder is missing, has no sub-folder or no readable image; later, from ``fetch``, where a
        file that was readable at the scan no longer is.
    """
    root = Path(path)
    if not root.is_dir():
        raise ValueError(f"folder:{path} is not a folder; give the path of a folder with one sub-folder per class")
    classes = sorted(p.name for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))
    if not classes:
        raise ValueError(f"folder:{path} has no sub-folders; put the images in one sub-folder per class")
    center_crop_resize(to_channels(np.zeros((1, 1, 3), np.uint8), channels), image_size)

    files = visible_files(root)
    in_class = [len(f.relative_to(root).parts) > 1 for f in files]
    candidates = [f for f, ok in zip(files, in_class) if ok and f.suffix.lower() in EXTENSIONS]
    check = decode if len(candidates) <= FULL_SCAN_FILES else _verify
    with ThreadPoolExecutor(LOAD_THREADS) as pool:
        problems = dict(zip(candidates, pool.map(functools.partial(_problem, check), candidates)))
    for file, ok in zip(files, in_class):
        if file not in problems:
            problems[file] = f"not one of {' '.join(EXTENSIONS)}" if ok else "not in a class's sub-folder"

    good = [f for f in candidates if not problems[f]]
    folders = [f.relative_to(root).parts[0] for f in good]
    class_names = tuple(sorted(set(folders)))
    rejected = {f.relative_to(root).as_posix(): problems[f] for f in files if problems[f]}
    rejected |= {f"{name}/": "class without a readable image" for name in classes if name not in class_names}
    if not good:
        raise ValueError(
            f"folder:{path} has no readable image among {len(files)} files; accepted are {' '.join(EXTENSIONS)}, in "
            f"one sub-folder per class{'; left out: ' + listing(rejected) if rejected else ''}"
        )
    if rejected:
        logger.warning("folder:%s: left out %d: %s", path, len(rejected), listing(rejected))
    labels = np.array([class_names.index(name) for name in folders], np.int32)
    return Source(
        name=f"folder:{path}",
        length=len(good),
        fields=image_fields((*image_size, channels), len(class_names)),
        class_names=class_names,
        fetch=functools.partial(_fetch, tuple(map(str, good)), labels, (image_size[0], image_size[1]), channels),
        in_memory=False,
        labels=labels.__getitem__,
        names=tuple(f.relative_to(root).with_suffix("").as_posix() for f in good).__getitem__,
        rejected=tuple(rejected),
    )


def _fetch(
    files: Sequence[str], labels: np.ndarray, size: tuple[int, int], channels: int, indices: np.ndarray
) -> Batch:
    images = np.empty((len(indices), *size, channels), np.uint8)
    for row, index in enumerate(indices):
        try:
            image = decode(files[index])
        except Exception as error:
            raise ValueError(
                f"cannot read {files[index]}, which was readable when its folder was scanned: {error}; "
                f"restore or remove the file and start again"
            ) from error
        images[row] = center_crop_resize(to_channels(image, channels), size)
    return {"image": images, "label": labels[indices]}


def _verify(file: str | Path) -> None:
    with Image.open(file) as opened:
        opened.verify()


def _problem(check: Callable[[Path], object], file: Path) -> str:
    """Why a file cannot be used, or ''."""
    try:
        check(file)
    # Pillow's decoders raise a dozen kinds on damaged files; each is reported with its reason, none is swallowed.
    except Exception as error:
        return f"{type(error).__name__}: {error}".replace(str(file), file.name)
    return ""
