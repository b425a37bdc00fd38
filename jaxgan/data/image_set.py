"""Image sets to be scored: a folder, an .npz or a prepared data set, as they are, with what identifies them."""

import functools
import hashlib
import logging
import os
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxgan.data.folder import folder_splits
from jaxgan.data.image_files import EXTENSIONS, read_pixels
from jaxgan.data.npz import npz_names, read_npz
from jaxgan.data.open import open_dataset
from jaxgan.data.picture_scan import Scan, class_order, listing, scan_pictures
from jaxgan.data.printable import printable
from jaxgan.data.source import LOAD_THREADS, Batch, Source, image_fields, in_memory
from jaxgan.data.tfds_source import describe_tfds
from jaxgan.data.transforms import center_crop_resize, to_channels

DIGITS_SIZE = (8, 8)
FORMS = "a folder of images, an .npz with `images`, or a data set: tfds:cifar10:test, digits:test"

logger = logging.getLogger("jaxgan.data")


class ImageSet(NamedTuple):
    """Images with labels, and what to call them in a protocol.

    Attributes:
      name: such as 'folder:samples', 'npz:samples.npz', 'tfds:cifar10'.
      version: SHA-256 (16 digits) of the content; of a TFDS set its version, and the same of its description and sizes.
      split: 'train', 'test', ...; 'all' where there is but one.
      crop: 'none', or 'center HxW' where images of another size are cropped and resized on reading.
      source: the images.
      labeled: whether labels mean anything.
      named: whether the classes have names, which sets can be paired by; an .npz may hold numbers alone.
    """

    name: str
    version: str
    split: str
    crop: str
    source: Source
    labeled: bool
    named: bool = True


def open_images(
    name: str,
    *,
    image_size: tuple[int, int] | None = None,
    data_dir: str | os.PathLike[str] | None = None,
) -> ImageSet:
    """Opens what ``name`` says.

    Args:
      name: a folder (images at any depth, in sorted order; the first level's sub-folders are classes), an .npz with
        ``images`` [N, H, W, C] or [N, H, W] (uint8, or float in [0, 1]), perhaps ``labels`` [N] and ``class_names``
        [K], 'tfds:NAME:SPLIT', or 'digits:SPLIT'.
      image_size: (height, width) to crop the centre and resize to; None takes images as they are.
      data_dir: where TFDS sets lie.

    Raises:
      ValueError: where there is no such set, it is empty or of mixed sizes, a file cannot be read, or values lie
        outside their range.
    """
    if name.startswith("tfds:") or name.partition(":")[0] == "digits":
        return _dataset(name, image_size, data_dir)
    path = Path(os.path.expanduser(name.removeprefix("folder:")))
    if path.is_dir():
        return _folder(path, image_size)
    if path.suffix == ".npz" and path.is_file():
        return _arrays(path, image_size)
    raise ValueError(f"no images at {name!r}: give {FORMS}")


def _crop(image_size: tuple[int, int] | None, own: tuple[int, ...] | None) -> str:
    """Crop of images of size ``own`` (None where they differ): none where they have the size."""
    unchanged = image_size is None or (own is not None and tuple(own) == tuple(image_size))
    return "none" if unchanged else f"center {image_size[0]}x{image_size[1]}"  # type: ignore[index]


def _dataset(name: str, image_size: tuple[int, int] | None, data_dir: str | os.PathLike[str] | None) -> ImageSet:
    kind, _, rest = name.partition(":")
    # A TFDS name may end in ':1.2.3', and a split may hold a colon ('train[:10%]').
    parts = re.fullmatch(r"([^:]+(?::\d+\.\d+\.\d+)?):(.+)", rest) if kind == "tfds" else None
    base, split = parts.groups() if parts else ("", rest)
    if not split or (kind == "tfds" and not base):
        raise ValueError(f"{name!r} names no split: write {'tfds:NAME:SPLIT' if kind == 'tfds' else 'digits:SPLIT'}")
    if kind == "digits":
        size = image_size or DIGITS_SIZE
        source = open_dataset("digits", split=split, image_size=size, channels=1)
        version = hashlib.sha256(source.fetch(np.arange(source.length))["image"].tobytes()).hexdigest()[:16]
        return ImageSet("digits", version, split, _crop(size, DIGITS_SIZE), source, True)
    described = describe_tfds(base, data_dir)
    if image_size is None and described.image_size is None:
        raise ValueError(f"{name} holds images of mixed sizes; pass --image_size=H,W to crop and resize them all")
    source = open_dataset(
        f"tfds:{base}",
        split=split,
        data_dir=data_dir,
        image_size=image_size,
        channels=described.channels,
        in_memory=False,
        label_key="label" if described.labeled else None,
    )
    crop = _crop(image_size, described.image_size)
    return ImageSet(f"tfds:{base}", described.version, split, crop, source, described.labeled)


def _arrays(path: Path, image_size: tuple[int, int] | None) -> ImageSet:
    held = read_npz(path, ("images", "labels", "class_names"))
    if "images" not in held:
        raise ValueError(f"{path} holds {npz_names(path)[:20] or 'nothing'}; it must hold `images` [N, H, W, C]")
    images, labels, names = as_uint8(held["images"], str(path)), held.get("labels"), held.get("class_names")
    digest = hashlib.sha256(images.tobytes() + str(images.shape).encode())
    crop = _crop(image_size, images.shape[1:3])
    if image_size is not None:
        images = np.stack([center_crop_resize(image, image_size) for image in images])
    if names is not None and (labels is None or names.dtype.kind != "U" or names.ndim != 1):
        raise ValueError(f"{path}: class_names must be text [K] of `labels`, got {names.dtype} {list(names.shape)}")
    if names is not None and len(np.unique(names)) < len(names):
        raise ValueError(f"{path}: class_names holds a name twice")
    source = in_memory(
        images,
        np.zeros(len(images), np.int32) if labels is None else labels,
        name=f"npz:{path}",
        class_names=None if names is None else [str(name) for name in names],
    )
    if labels is not None:
        digest.update(labels.astype(np.int64).tobytes())
    version = digest.hexdigest()[:16]
    return ImageSet(f"npz:{printable(path.name)}", version, "all", crop, source, labels is not None, names is not None)


def as_uint8(images: np.ndarray, name: str) -> np.ndarray:
    """uint8 [N, H, W, 1 or 3] from uint8, or from floats in [0, 1], with or without a last axis for grey.

    Raises:
      ValueError: on other shapes, dtypes or ranges, or values that are not finite.
    """
    if images.ndim == 3 and images.shape[-1] in (1, 3):
        raise ValueError(f"{name}: images {list(images.shape)} look like a single one; store it as [1, H, W, C]")
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or images.shape[-1] not in (1, 3) or not images.size:
        raise ValueError(f"{name}: images must be [N >= 1, H, W, 1 or 3] (or [N, H, W]), got {list(images.shape)}")
    if images.dtype == np.uint8:
        return images
    if not np.issubdtype(images.dtype, np.floating):
        raise ValueError(f"{name}: images must be uint8, or float in [0, 1], got {images.dtype}")
    if not np.isfinite(images).all():
        raise ValueError(f"{name}: images hold values that are not finite")
    low, high = float(images.min()), float(images.max())
    if low < 0 or high > 1:
        raise ValueError(
            f"{name}: float images must lie in [0, 1], got {low:.4g} to {high:.4g}; convert them, or save uint8"
        )
    return np.floor(images * np.float32(255) + np.float32(0.5)).astype(np.uint8)


def _folder(path: Path, image_size: tuple[int, int] | None) -> ImageSet:
    if splits := folder_splits(path):
        choices = " or ".join(str(path / split) for split in splits)
        raise ValueError(f"{path} holds the splits {', '.join(splits)}; give one of them: {choices}")
    scan, labeled = _with_classes(scan_pictures(path))
    if not scan.files:
        left_out = f"; left out {len(scan.left_out)}: {listing(scan.left_out)}" if scan.left_out else ""
        raise ValueError(f"{path} holds no image ({' '.join(EXTENSIONS)}) that can be read{left_out}")
    scan.report(str(path))
    if image_size is None and scan.common_size is None:
        (first, size), (file, other) = _two_sizes(scan)
        raise ValueError(
            f"{path} holds images of mixed sizes: {first} is {size[0]}x{size[1]}, {file} {other[0]}x{other[1]}; pass "
            f"--image_size=H,W to crop and resize them all"
        )
    channels = 1 if all(header.is_grey for header in scan.headers) else 3
    shape = image_size or scan.headers[0].size
    folders = [name.split("/")[0] if labeled else "all" for name in scan.names]
    names = class_order(folders)
    place = {name: index for index, name in enumerate(names)}
    labels = np.array([place[folder] for folder in folders], np.int32)
    source = Source(
        name=f"folder:{path}",
        length=len(scan.files),
        fields=image_fields((*shape, channels), len(names)),
        class_names=tuple(names),
        fetch=functools.partial(_fetch, scan.files, labels, image_size, channels),
        in_memory=False,
        labels=labels.__getitem__,
        names=tuple(str(Path(name).with_suffix("")) for name in scan.names).__getitem__,
        read_version=functools.partial(str, scan.version),
        rejected=tuple(scan.left_out),
        stored_size=scan.common_size,
    )
    return ImageSet(_folder_name(path), scan.version, "all", _crop(image_size, scan.common_size), source, labeled)


def _with_classes(scan: Scan) -> tuple[Scan, bool]:
    """The pictures, and whether the first level's sub-folders are classes: where most pictures lie in one, and then the
    others are left out; where most do not, all are taken, without labels.
    """
    loose = [name for name in scan.names if "/" not in name]
    nested = len(scan.names) - len(loose)
    if len(loose) >= nested:
        if nested:
            logger.warning(
                "%s: %d pictures lie next to sub-folders with %d: all are taken, and none has a label",
                printable(str(scan.root)),
                len(loose),
                nested,
            )
        return scan, False
    why = dict.fromkeys(loose, "not in a class's sub-folder")
    return scan.keep([index for index, name in enumerate(scan.names) if name not in why], why), True


def _two_sizes(scan: Scan) -> list[tuple[str, tuple[int, int]]]:
    """Two pictures of different sizes."""
    pairs = [(printable(name), header.size) for name, header in zip(scan.names, scan.headers)]
    return [pairs[0], next(pair for pair in pairs if pair[1] != pairs[0][1])]


def _folder_name(path: Path) -> str:
    # The string's last part: '.' and '..' are folders with names of their own.
    return f"folder:{printable(os.path.basename(os.path.abspath(path)))}"


def _fetch(
    files: tuple[Path, ...],
    labels: np.ndarray,
    image_size: tuple[int, int] | None,
    channels: int,
    indices: np.ndarray,
) -> Batch:
    def one(index: int) -> np.ndarray:
        image = to_channels(read_pixels(files[index]), channels)
        return image if image_size is None else center_crop_resize(image, image_size)

    read: Callable[[int], np.ndarray] = one
    with ThreadPoolExecutor(LOAD_THREADS) as pool:
        images = np.stack(list(pool.map(read, [int(i) for i in indices])))
    return {"image": images, "label": labels[indices]}


def describe_source(
    name: str,
    source: Source,
    split: str,
    *,
    image_size: tuple[int, int] | None,
    data_dir: str | os.PathLike[str] | None = None,
) -> ImageSet:
    """The same for a source that :func:`jaxgan.data.open.open_dataset` opened under ``name``: where that read the same
    pixels as :func:`open_images` would, all except ``source`` and ``labeled`` is the same.
    """
    kind, _, rest = name.partition(":")
    if kind == "tfds" or name == "stacked_mnist":
        described = describe_tfds(rest or "mnist", data_dir)
        crop = _crop(image_size, described.image_size)
        # Triples are a function of the digits and their number alone.
        version = described.version if rest else f"{described.version}x{source.length}"
        return ImageSet(name, version, split, crop, source, source.num_classes > 1)
    if kind == "folder":
        # A folder without splits is one, by whichever of its two names it was opened.
        part = "all" if source.name == name else split
        crop = _crop(image_size, source.stored_size)
        return ImageSet(_folder_name(Path(rest).expanduser()), source.version, part, crop, source, True)
    if kind in ("pairs", "domains", "image"):
        return ImageSet(name, source.version, split, _crop(image_size, None), source, False)
    version = hashlib.sha256(source.fetch(np.arange(source.length))["image"].tobytes()).hexdigest()[:16]
    return ImageSet(name, version, split, _crop(image_size, DIGITS_SIZE), source, source.num_classes > 1)
