"""A folder of images, with one sub-folder per class or none, and its splits: sub-folders train and test, or a seeded
share.
"""

import functools
import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from jaxgan.data.image_files import EXTENSIONS, REMEDY, decode, reason
from jaxgan.data.picture_scan import Scan, class_order, listing, readable_folders, scan_pictures, some
from jaxgan.data.printable import printable
from jaxgan.data.reading import is_passing
from jaxgan.data.source import Batch, Source, image_fields
from jaxgan.data.transforms import center_crop_resize, to_channels
from jaxgan.data.walk import sub_folders

HELD_OUT = ("test", "val", "validation")
WHOLE = ("train", "all")
# The class of a folder of pictures without sub-folders.
ONE_CLASS = "all"
# Of the draw of the held-out share: one for all runs, so that none trains on what another is tested on.
SHARE_SEED = 0


def folder_source(
    path: str | os.PathLike[str],
    image_size: tuple[int, int],
    channels: int,
    split: str = "train",
    test_share: float = 0.0,
) -> Source:
    """Images below ``path``/<class>/, at any depth; classes are the sub-folders' names in sorted order, as numbers
    where all of them are. A folder without sub-folders is one class, :data:`ONE_CLASS`.

    A file that is no image, cannot be read, or lies outside the sub-folders is left out, and so is a class without
    images. All are named in ``rejected`` and counted in one logged warning; hidden files and folders are passed over.

    Where ``path`` has a sub-folder 'train' and one of 'test', 'val' and 'validation', these are splits with a
    sub-folder per class each, and others next to them are refused; the classes are those of 'train'. Without them
    ``test_share`` holds out a share of each class, the same in every run, drawn by the files' names.

    Args:
      path: the folder.
      image_size: (height, width) after a centre crop.
      channels: 1 (grey) or 3 (RGB).
      split: one of the sub-folders; with a share 'train', 'test' or 'all'; else 'train' or 'all', the whole.
      test_share: in [0, 1); at least one image of each class stays in either part, of a class of one in 'train'.

    Raises:
      ValueError: where the folder is missing, has no such split or no readable image; later, from ``fetch``, where a
        file that was readable at the scan no longer is.
      OSError: where the disk or the mount fails.
    """
    name = f"folder:{path}"
    root = Path(path).expanduser()
    if not root.is_dir():
        raise ValueError(f"{name} is not a folder; give the path of a folder with one sub-folder per class")
    splits = folder_splits(root)
    _check_split(name, splits, split, test_share)
    center_crop_resize(to_channels(np.zeros((1, 1, 3), np.uint8), channels), image_size)
    if splits:
        classes = class_order(readable_folders(root / "train")) or [ONE_CLASS]
        known = None if split == "train" else classes
        scan, class_names = _labelled(f"{name}/{split}", root / split, known, _loose(root))
    else:
        scan, class_names = _labelled(name, root)
    flat = class_names == (ONE_CLASS,)
    labels = np.array([0 if flat else class_names.index(file.split("/")[0]) for file in scan.names], np.int32)
    if test_share and split != "all":
        chosen = held_out_share(scan.names, labels, test_share) == (split == "test")
        scan, labels = scan.keep(np.flatnonzero(chosen)), labels[chosen]
        if not len(labels):
            raise ValueError(f"{name}: no class has two images to hold one out of; set test_share=0, or add images")
    is_whole = not splits and not (test_share and split != "all")
    return Source(
        name=name if is_whole else f"{name}/{split}",
        length=len(scan.files),
        fields=image_fields((*image_size, channels), len(class_names)),
        class_names=class_names,
        fetch=functools.partial(_fetch, tuple(map(str, scan.files)), labels, (image_size[0], image_size[1]), channels),
        in_memory=False,
        labels=labels.__getitem__,
        names=tuple(str(Path(file).with_suffix("")) for file in scan.names).__getitem__,
        read_version=functools.partial(str, scan.version),
        rejected=tuple(scan.left_out),
        stored_size=scan.common_size,
    )


def folder_splits(root: Path) -> tuple[str, ...]:
    """The sub-folders of ``root`` that are splits: 'train' and one or more of ``HELD_OUT``; () where sub-folders are
    classes.

    Raises:
      ValueError: where others lie next to those, which would make all of them classes.
    """
    names = {folder.name for folder in sub_folders(root)}
    splits = tuple(name for name in ("train", *HELD_OUT) if name in names)
    if "train" not in splits or len(splits) < 2:
        return ()
    if others := sorted(names.difference(splits)):
        raise ValueError(
            f"{printable(str(root))} has the splits {', '.join(splits)} and other folders next to them: "
            f"{some(others)}; move those elsewhere, or rename train/ if all are classes"
        )
    return splits


def _check_split(name: str, splits: Sequence[str], split: str, test_share: float) -> None:
    if not 0 <= test_share < 1:
        raise ValueError(f"{name}: test_share={test_share} must be at least 0 and less than 1")
    if splits and test_share:
        raise ValueError(f"{name} has the splits {', '.join(splits)} as sub-folders; set test_share=0")
    accepted = splits or (("train", "test", "all") if test_share else WHOLE)
    if split not in accepted:
        way = (
            f"choose one of {', '.join(accepted)}"
            if splits or test_share
            else "only 'train' (or 'all'), the whole folder; hold out a share with --config.data.test_share=0.1, or "
            "make sub-folders train/ and test/ with a sub-folder per class each"
        )
        raise ValueError(f"{name} has no split {split!r}{':' if splits or test_share else ','} {way}")


def _loose(root: Path) -> dict[str, str]:
    """The files next to the folders of splits."""
    files = sorted(p.name for p in root.iterdir() if not p.name.startswith(".") and not p.is_dir())
    return {f"../{file}": "not in the folder of a split" for file in files}


def _labelled(
    name: str, root: Path, known: Sequence[str] | None = None, around: Mapping[str, str] | None = None
) -> tuple[Scan, tuple[str, ...]]:
    """The pictures in sub-folders, and the classes: ``known``, or those that have pictures; ``around`` is left out."""
    classes = [folder.name for folder in sub_folders(root)]
    if not classes:
        return _flat(name, root, known, around)
    scan = scan_pictures(root)
    loose = {file: "not in a class's sub-folder" for file in scan.names if "/" not in file}
    scan = scan.keep([i for i, file in enumerate(scan.names) if file not in loose], loose)
    present = {file.split("/")[0] for file in scan.names}
    empty = {f"{folder}/": "class without a readable image" for folder in classes if folder not in present}
    scan = scan.keep(range(len(scan.files)), {**empty, **(around or {})})
    if not scan.files:
        raise ValueError(
            f"{name} has no readable image among {len(scan.left_out) - len(empty)} files; accepted are "
            f"{' '.join(EXTENSIONS)}, in one sub-folder per class"
            f"{'; left out: ' + listing(scan.left_out) if scan.left_out else ''}"
        )
    if known is not None and (strange := sorted(present - set(known))):
        raise ValueError(
            f"{name} has the classes {listing(dict.fromkeys(strange, 'not in train/'))}; give train/ images of them, "
            f"or remove them"
        )
    scan.report(name)
    return scan, tuple(class_order(present) if known is None else known)


def held_out_share(names: Sequence[str], labels: np.ndarray, share: float) -> np.ndarray:
    """Whether each image is held out, bool [N]: ``share`` of each class, by the order of their names' digests.

    A file that is added or removed moves hardly any other. At least one image of each class lies in either part; of a
    class of one, it is not held out.
    """
    ranks = [hashlib.sha256(f"{SHARE_SEED}/{name}".encode(errors="surrogateescape")).digest() for name in names]
    held = np.zeros(len(names), np.bool_)
    for label in np.unique(labels):
        members = sorted(np.flatnonzero(labels == label), key=ranks.__getitem__)
        held[members[: min(max(1, round(share * len(members))), len(members) - 1)]] = True
    return held


def _flat(
    name: str, root: Path, known: Sequence[str] | None, around: Mapping[str, str] | None
) -> tuple[Scan, tuple[str, ...]]:
    """The pictures of a folder without sub-folders, which are one class."""
    scan = scan_pictures(root)
    scan = scan.keep(range(len(scan.files)), dict(around or {}))
    if not scan.files:
        raise ValueError(
            f"{name} has no sub-folders and no readable image; accepted are {' '.join(EXTENSIONS)}, in one sub-folder "
            f"per class or without any{'; left out: ' + listing(scan.left_out) if scan.left_out else ''}"
        )
    if known is not None and tuple(known) != (ONE_CLASS,):
        raise ValueError(
            f"{name} has no sub-folders, and train/ has the classes {', '.join(known)}; make their folders"
        )
    scan.report(name)
    return scan, (ONE_CLASS,)


def _fetch(
    files: Sequence[str], labels: np.ndarray, size: tuple[int, int], channels: int, indices: np.ndarray
) -> Batch:
    images = np.empty((len(indices), *size, channels), np.uint8)
    for row, index in enumerate(indices):
        try:
            image = decode(files[index])
        except Exception as error:
            if is_passing(error):
                raise
            raise ValueError(
                f"cannot read {printable(files[index])}, which was readable when its folder was scanned: "
                f"{reason(error)}; {REMEDY}"
            ) from error
        images[row] = center_crop_resize(to_channels(image, channels), size)
    return {"image": images, "label": labels[indices]}
