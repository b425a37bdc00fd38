"""Paired images from files, for image-to-image translation: A|B side by side in one file, or two folders."""

import functools
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxgan.data.fields import Field, FieldSpec, check_ids, field_specs
from jaxgan.data.folder import held_out_share
from jaxgan.data.image_files import (
    EXTENSIONS,
    Header,
    check_picture,
    common_size,
    decode,
    decode_ids,
    read_pixels,
)
from jaxgan.data.picture_scan import Scan, listing, scan_pictures
from jaxgan.data.printable import printable
from jaxgan.data.source import Batch, Source
from jaxgan.data.transforms import center_crop_resize, center_crop_resize_ids, to_channels

SPLITS = ("train", "test", "val", "validation")
HALVES = ("A", "B")
LAYOUTS = "pictures A|B side by side, or two sub-folders (such as A and B) with pictures of equal names"


class _Side(NamedTuple):
    """One half of every pair: its files, and whether it is the left (0) or right (1) half of them (None: all of it)."""

    files: tuple[Path, ...]
    half: int | None


def pairs_source(
    path: str | os.PathLike[str],
    split: str = "train",
    image_size: tuple[int, int] | None = None,
    channels: int = 3,
    fields: Mapping[str, Any] | None = None,
    test_share: float = 0.0,
) -> Source:
    """Pairs of pictures below ``path``, or below ``path``/<split> where it has folders for splits.

    A folder of pictures is one of pairs side by side, A the left half and B the right. A folder with two sub-folders
    holds one side in each, paired by their relative path without its extension. The sides are 'A' and 'B', or the
    sub-folders' names.

    Args:
      path: the folder.
      split: 'train', 'test', 'val' or 'validation', a sub-folder; without such sub-folders 'train' or 'all', the whole,
        or with a ``test_share`` its parts 'train' and 'test'.
      image_size: (height, width) of each side after a centre crop; None where all are of one size.
      channels: of images, 1 (grey) or 3 (RGB).
      fields: new field -> side, or a mapping with 'key' (the side), 'kind' ('image' or 'map') and 'classes' (see
        :class:`jaxgan.data.fields.FieldSpec`); None: 'image_<side>' for both.
      test_share: in [0, 1), of the pairs that are held out as 'test', by the digests of their names, where there are no
        sub-folders for splits; at least one pair stays in either part.

    Raises:
      ValueError: where the folder is missing or laid out otherwise, naming files without a partner, of an odd width, of
        unequal sizes within a pair, unreadable, or with ids that have no class.
    """
    name = f"pairs:{path}"
    root = Path(path).expanduser()
    if not root.is_dir():
        raise ValueError(f"{name} is not a folder; give a folder of {LAYOUTS}")
    if not 0 <= test_share < 1:
        raise ValueError(f"{name}: test_share={test_share} must be at least 0 and less than 1")
    base = _split_folder(name, root, split, test_share)
    sides, stems, scan = _sides(name, base)
    if base == root and test_share and split != "all":
        sides, stems = _part(name, sides, stems, test_share, held_out=split == "test")
    specs = field_specs({f"image_{side}": side for side in sides} if fields is None else fields)
    _check_specs(name, specs, sides)
    known = dict(zip(scan.files, scan.headers))
    headers = {side: [known[file] for file in found.files] for side, found in sides.items()}
    _check_sizes(name, sides, headers)
    size = image_size or _half(common_size(*_all(sides, headers), "pass image_size=(height, width)"), sides)
    made = {new: _field(spec, size, channels, headers[spec.key]) for new, spec in specs.items()}
    return Source(
        name=f"{name}/{split}",
        length=len(stems),
        fields=made,
        fetch=functools.partial(_fetch, {new: sides[spec.key] for new, spec in specs.items()}, made, size),
        in_memory=False,
        names=stems.__getitem__,
        read_version=functools.partial(str, scan.version),
        rejected=tuple(scan.left_out),
    )


def _part(
    name: str, sides: Mapping[str, _Side], stems: tuple[str, ...], share: float, *, held_out: bool
) -> tuple[dict[str, _Side], tuple[str, ...]]:
    """The pairs that are held out, or the others."""
    if len(stems) < 2:
        raise ValueError(f"{name}: there is one pair, and none to hold out; set test_share=0, or add pairs")
    held = held_out_share(stems, np.zeros(len(stems), np.int32), share)
    chosen = [index for index, out in enumerate(held) if out == held_out]
    parts = {side: found._replace(files=tuple(found.files[index] for index in chosen)) for side, found in sides.items()}
    return parts, tuple(stems[index] for index in chosen)


def _split_folder(name: str, root: Path, split: str, test_share: float) -> Path:
    there = [folder for folder in SPLITS if (root / folder).is_dir()]
    if split in there:
        return root / split
    parts = ("train", "test", "all") if test_share else ("train", "all")
    if there or split not in parts:
        accepted = there or [*parts]
        raise ValueError(f"{name} has no split {split!r}; choose one of {accepted}, or add a sub-folder {split}/")
    return root


def _sides(name: str, base: Path) -> tuple[dict[str, _Side], tuple[str, ...], Scan]:
    """The two sides, the pairs' names, and the pictures with what is left out."""
    folders = sorted(p for p in base.iterdir() if p.is_dir() and not p.name.startswith("."))
    if folders and len(folders) != 2:
        raise ValueError(f"{name}: {base} has the sub-folders {[f.name for f in folders]}; it must hold {LAYOUTS}")
    scan = _whole_pairs(scan_pictures(base, check_picture)) if folders else scan_pictures(base)
    if not scan.files:
        left_out = (
            f" that can be read; left out {len(scan.left_out)}: {listing(scan.left_out)}" if scan.left_out else ""
        )
        raise ValueError(f"{name}: {base} has no picture ({' '.join(EXTENSIONS)}){left_out}; it must hold {LAYOUTS}")
    scan.report(name)
    files = scan.files
    if not folders:
        stems = _by_stem(name, base, files)
        return {side: _Side(tuple(stems.values()), half) for half, side in enumerate(HALVES)}, tuple(stems), scan
    loose = [f.name for f in files if f.parent == base]
    if loose:
        raise ValueError(
            f"{name}: {base} has sub-folders and pictures next to them, {_some(loose)}; it must hold {LAYOUTS}"
        )
    found = {folder.name: _by_stem(name, folder, [f for f in files if f.is_relative_to(folder)]) for folder in folders}
    (a, left), (b, right) = found.items()
    alone = [f"{a}/{s}" for s in left if s not in right] + [f"{b}/{s}" for s in right if s not in left]
    if alone:
        raise ValueError(
            f"{name}: {len(alone)} without a partner of the same name in the other of {a}/ and {b}/: {_some(alone)}; "
            f"add the partners or remove these"
        )
    shared = tuple(left)
    return {side: _Side(tuple(by[s] for s in shared), None) for side, by in found.items()}, shared, scan


def _whole_pairs(scan: Scan) -> Scan:
    """Leaves out the partners of pictures that cannot be read."""
    lost = {_pair_of(name): name for name in scan.left_out if Path(name).suffix.lower() in EXTENSIONS}
    partners = {name: lost.get(_pair_of(name)) for name in scan.names if "/" in name}
    why = {name: f"its partner {lone} is left out" for name, lone in partners.items() if lone}
    return scan.keep([index for index, name in enumerate(scan.names) if name not in why], why)


def _pair_of(name: str) -> str:
    """The name that both files of a pair share: that below the side's folder, without its extension."""
    return str(Path(name.partition("/")[2] or name).with_suffix(""))


def _by_stem(name: str, base: Path, files: Sequence[Path]) -> dict[str, Path]:
    stems: dict[str, Path] = {}
    for file in files:
        stem = file.relative_to(base).with_suffix("").as_posix()
        if stem in stems:
            raise ValueError(f"{name}: {stems[stem]} and {file} have one name; remove one")
        stems[stem] = file
    return stems


def _check_specs(name: str, specs: Mapping[str, FieldSpec], sides: Mapping[str, _Side]) -> None:
    for new, spec in specs.items():
        if spec.key not in sides:
            raise ValueError(f"{name}: field {new!r} is of the side {spec.key!r}; the sides are {list(sides)}")
        if spec.kind == "value" or spec.lengths:
            raise ValueError(f"{name}: field {new!r} must be an 'image' or a 'map', without a length")
        if spec.kind == "map" and sides[spec.key].half is not None:
            raise ValueError(f"{name}: maps have files of their own, in two sub-folders; {new!r} is half of a picture")


def _check_sizes(name: str, sides: Mapping[str, _Side], headers: Mapping[str, list[Header]]) -> None:
    (a, left), (b, right) = sides.items()
    for one, other, file, partner in zip(headers[a], headers[b], left.files, right.files):
        if left.half is not None and one.size[1] % 2:
            raise ValueError(f"{name}: {file} is {one.size[1]} wide, which is no pair of pictures side by side")
        if one.size != other.size:
            raise ValueError(
                f"{name}: a pair has unequal sizes: {file} is {one.size[0]}x{one.size[1]}, {partner} "
                f"{other.size[0]}x{other.size[1]}"
            )


def _all(sides: Mapping[str, _Side], headers: Mapping[str, list[Header]]) -> tuple[list[Path], list[Header]]:
    return [f for side in sides.values() for f in side.files], [h for side in sides for h in headers[side]]


def _half(size: tuple[int, int], sides: Mapping[str, _Side]) -> tuple[int, int]:
    halved = any(side.half is not None for side in sides.values())
    return (size[0], size[1] // 2) if halved else size


def _field(spec: FieldSpec, size: tuple[int, int], channels: int, headers: Sequence[Header]) -> Field:
    if spec.kind == "map":
        deep = any(header.mode.startswith("I") for header in headers)
        return Field((*size, 1), np.int32 if deep else np.uint8, "map", spec.classes)
    center_crop_resize(to_channels(np.zeros((1, 1, 3), np.uint8), channels), size)
    return Field((*size, channels), np.uint8, "image")


def _fetch(
    sides: Mapping[str, _Side], fields: Mapping[str, Field], size: tuple[int, int], indices: np.ndarray
) -> Batch:
    batch = {key: np.empty((len(indices), *field.shape), field.dtype) for key, field in fields.items()}
    for row, index in enumerate(indices):
        # Of a pair side by side both fields are halves of one picture, decoded once.
        decoded: dict[Path, np.ndarray] = {}
        for key, field in fields.items():
            file, half = sides[key].files[index], sides[key].half
            if field.kind == "map":
                ids = read_pixels(file, decode_ids)
                check_ids(ids, field, str(file))
                batch[key][row] = center_crop_resize_ids(ids, size)
                continue
            if file not in decoded:
                decoded[file] = read_pixels(file, decode)
            image = decoded[file]
            if half is not None:
                middle = image.shape[1] // 2
                image = image[:, half * middle : (half + 1) * middle]
            batch[key][row] = center_crop_resize(to_channels(image, field.shape[-1]), size)
    return batch


def _some(names: Sequence[str]) -> str:
    return ", ".join(map(printable, names[:5])) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
