"""TFDS sets through ``tfds.data_source``'s random access: ArrayRecord files, decoded without TensorFlow."""

import bisect
import difflib
import functools
import hashlib
import itertools
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxgan.data.fields import FieldSpec, field_specs, label_field
from jaxgan.data.printable import printable
from jaxgan.data.reading import is_passing, of_system, retried
from jaxgan.data.source import Batch, Source
from jaxgan.data.tfds_fields import TfdsReader, holds_pictures, tfds_reader


def tfds_source(
    name: str,
    split: str,
    data_dir: str | os.PathLike[str] | None = None,
    image_size: tuple[int, int] | None = None,
    channels: int = 3,
    image_key: str = "image",
    label_key: str | None = "label",
    fields: Mapping[str, Any] | None = None,
) -> Source:
    """A prepared TFDS set, by its official name or by the name of a prepared directory below ``data_dir``.

    Args:
      name: as TFDS takes it: 'cifar10', 'name/config', 'name:version'.
      split: such as 'train', 'train[:10%]' or 'train+test'.
      data_dir: where the sets lie; TFDS's own default (~/tensorflow_datasets) where None.
      image_size: (height, width) of images and maps after a centre crop; the set's own size where None.
      channels: of images, 1 (grey) or 3 (RGB).
      image_key: the feature with the picture.
      label_key: the ClassLabel feature, or None for one class 'all' with label 0.
      fields: any features instead of those two, new field -> key, or a mapping with 'key', 'kind', 'classes', 'length'
        and 'truncate' (see :class:`jaxgan.data.fields.FieldSpec`): {'image': 'image', 'map': {'key': 'label_map',
        'kind': 'map', 'classes': 12}, 'caption': {'key': 'captions', 'length': (2, 64)}}.

    Raises:
      ValueError: where the set is unknown, not prepared or prepared in a format without random access; where the split
        or a feature doesn't exist, or can't be read as the kind that is asked for; where ``image_size`` is None and the
        images' sizes differ.
    """
    import tensorflow_datasets as tfds

    where = f"in {data_dir}" if data_dir is not None else "in TFDS's default data_dir"
    builder = _builder(name, data_dir, where)
    at = f" --data_dir={data_dir}" if data_dir is not None else ""
    prepare = f"pip install 'jaxgan[prepare]', then: tfds build {name} --file_format=array_record{at}"
    if not builder.is_prepared():
        raise ValueError(
            f"tfds:{name} is not prepared {where}; preparing an official set needs TensorFlow once: {prepare}"
        )
    features = dict(builder.info.features)
    if fields is None:
        _check_image_and_label(f"tfds:{name}", features, image_key, label_key)
        # An image is a plain one here, whatever its feature is called.
        specs = {"image": FieldSpec(image_key, "image")} | (
            {} if label_key is None else {"label": FieldSpec(label_key)}
        )
    else:
        specs = field_specs(fields)
    readers = {
        new: tfds_reader(f"tfds:{name}", new, spec, features, image_size, channels) for new, spec in specs.items()
    }
    made = {key: field for reader in readers.values() for key, field in reader.fields.items()}
    if len(made) < sum(len(reader.fields) for reader in readers.values()):
        raise ValueError(f"tfds:{name}: a mask and a field have one name among {list(specs)}; rename the field")
    if fields is None and label_key is None:
        made["label"] = label_field(1)
    label = readers.get("label")
    class_names = tuple(label.class_names) if label is not None else ("all",) if "label" in made else ()

    # Other pictures (label maps, the second half of a pair) would cost as much as those that are asked for.
    pictures = {key for key, feature in features.items() if holds_pictures(feature)}
    others = pictures - {spec.key.split("/")[0] for spec in specs.values()}
    try:
        records, bare = (
            builder.as_data_source(split, decoders={key: tfds.decode.SkipDecoding() for key in skipped})
            for skipped in (others, pictures)
        )
    except NotImplementedError as error:
        raise ValueError(
            f"tfds:{name} is prepared {where} as {builder.info.file_format.value}, which has no random access; "
            f"prepare it as array_record: {prepare}"
        ) from error
    except ValueError as error:
        raise ValueError(
            f"tfds:{name} has no split {split!r}; its splits are {list(builder.info.splits)}, and slices such as "
            f"'train[:10%]' and sums such as 'train+test' of them"
        ) from error
    shards = _shards(f"tfds:{name}/{split}", builder.info.splits[split].file_instructions)
    has_labels = label is not None and label.plain
    return Source(
        name=f"tfds:{name}/{split}",
        length=len(records),
        fields=made,
        fetch=functools.partial(_fetch, records, shards, readers, "label" in made),
        in_memory=False,
        class_names=class_names,
        labels=functools.partial(_fetch_labels, bare, shards, specs["label"].key) if has_labels else None,
        names=functools.partial(_name, bare, shards) if isinstance(features.get("id"), tfds.features.Text) else None,
        read_version=functools.partial(_version, str(builder.info.version), str(builder.data_dir)),
    )


def tfds_splits(name: str, data_dir: str | os.PathLike[str] | None = None) -> list[str]:
    """The splits of a prepared set.

    Raises:
      ValueError: where the set is unknown.
    """
    where = f"in {data_dir}" if data_dir is not None else "in TFDS's default data_dir"
    return list(_builder(name, data_dir, where).info.splits)


def _check_image_and_label(name: str, features: Mapping[str, Any], image_key: str, label_key: str | None) -> None:
    import tensorflow_datasets as tfds

    image = features.get(image_key)
    if not isinstance(image, tfds.features.Image) or np.dtype(image.np_dtype) != np.uint8:
        usable = [k for k, f in features.items() if isinstance(f, tfds.features.Image)]
        raise ValueError(f"{name} has no uint8 image feature {image_key!r}; its image features are {usable}")
    if label_key is not None and not isinstance(features.get(label_key), tfds.features.ClassLabel):
        usable = [k for k, f in features.items() if isinstance(f, tfds.features.ClassLabel)]
        raise ValueError(
            f"{name} has no class label feature {label_key!r}; its class labels are {usable}; "
            f"pass label_key=None to train without classes"
        )


class TfdsDescription(NamedTuple):
    """Description of a prepared TFDS set, from its own files.

    Attributes:
      version: its version, and 16 digits of the SHA-256 of its description and files' sizes: sets of one name and
        version may differ in content.
      image_size: (height, width) of its images; None where they differ.
      channels: of its images.
      labeled: whether it has a ClassLabel feature.
    """

    version: str
    image_size: tuple[int, int] | None
    channels: int
    labeled: bool


def describe_tfds(
    name: str,
    data_dir: str | os.PathLike[str] | None = None,
    *,
    image_key: str = "image",
    label_key: str = "label",
) -> TfdsDescription:
    """Describes a set without reading its records.

    Raises:
      ValueError: where the set is unknown, not prepared, or has no such image feature.
    """
    import tensorflow_datasets as tfds

    builder = _builder(name, data_dir, f"in {data_dir}" if data_dir is not None else "in TFDS's default data_dir")
    if not builder.is_prepared():
        raise ValueError(f"tfds:{name} is not prepared; see `tfds build {name} --file_format=array_record`")
    features = dict(builder.info.features)
    image = features.get(image_key)
    if not isinstance(image, tfds.features.Image):
        raise ValueError(f"tfds:{name} has no image feature {image_key!r}; its features are {sorted(features)}")
    return TfdsDescription(
        version=_version(str(builder.info.version), str(builder.data_dir)),
        image_size=None if None in image.shape[:2] else (image.shape[0], image.shape[1]),
        channels=1 if image.shape[-1] == 1 else 3,
        labeled=isinstance(features.get(label_key), tfds.features.ClassLabel),
    )


def _builder(name: str, data_dir: str | os.PathLike[str] | None, where: str) -> Any:
    import tensorflow_datasets as tfds

    try:
        return tfds.builder(name, data_dir=data_dir)
    except tfds.core.DatasetNotFoundError as error:
        near = difflib.get_close_matches(name, tfds.list_builders(with_community_datasets=False))
        hint = f"did you mean {' or '.join(near)}?" if near else "`tfds.list_builders()` lists the official names"
        raise ValueError(f"tfds:{name} is neither an official data set nor prepared {where}; {hint}") from error
    # An unknown config or version, which TFDS explains over many lines.
    except (ValueError, AssertionError) as error:
        raise ValueError(f"tfds:{name}: {str(error).strip().splitlines()[0]}") from error


def _version(version: str, folder: str) -> str:
    digest = hashlib.sha256()
    for file in sorted(p for p in Path(folder).iterdir() if p.is_file()):
        digest.update(f"{file.name} {file.stat().st_size}\n".encode())
        if file.suffix == ".json":
            digest.update(file.read_bytes())
    return f"{version}+{digest.hexdigest()[:16]}"


class _Shards(NamedTuple):
    """The files of a split.

    Attributes:
      name: of the set and split.
      files: in the order of their examples.
      ends: the number of examples up to each file's end.
    """

    name: str
    files: tuple[str, ...]
    ends: tuple[int, ...]


def _shards(name: str, instructions: Sequence[Any]) -> _Shards:
    """The files that hold a split; ValueError naming those that are missing or empty."""
    files = tuple(os.fspath(part.filename) for part in instructions)
    absent = [file for file in files if not os.path.isfile(file) or not os.path.getsize(file)]
    if absent:
        raise ValueError(
            f"{name} lacks {len(absent)} of its {len(files)} files, {printable(', '.join(absent[:3]))}: restore "
            f"them, or prepare the set again"
        )
    return _Shards(name, files, tuple(itertools.accumulate(part.take for part in instructions)))


def _read(records: Any, shards: _Shards, indices: Sequence[int]) -> list[Any]:
    """The records of ``indices``; ValueError naming the file of the first that cannot be read, OSError where the disk
    or the mount fails.
    """
    first = shards.files[bisect.bisect_right(shards.ends, indices[0])] if indices else shards.name
    try:
        return retried(lambda: of_system(lambda: list(records.__getitems__(indices))), first)
    # ArrayRecord says RuntimeError, decoders what they like; neither names the set, nor mostly the file.
    except Exception as error:
        if is_passing(error):
            raise
        if len(indices) > 1:
            return [_read(records, shards, [index])[0] for index in indices]
        (index,), file = indices, first
        why = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        raise ValueError(
            f"cannot read example {index} of {shards.name}, in {printable(file)}: {why}; restore the file, or prepare "
            f"the set again"
        ) from error


def _name(records: Any, shards: _Shards, index: int) -> str:
    return _read(records, shards, [int(index)])[0]["id"].decode()


def _fetch_labels(records: Any, shards: _Shards, key: str, indices: np.ndarray) -> np.ndarray:
    return np.array([record[key] for record in _read(records, shards, [int(i) for i in indices])], np.int32)


def _fetch(
    records: Any, shards: _Shards, readers: Mapping[str, TfdsReader], labeled: bool, indices: np.ndarray
) -> Batch:
    batch = {
        key: np.zeros((len(indices), *field.shape), field.dtype)
        for reader in readers.values()
        for key, field in reader.fields.items()
    }
    if labeled and "label" not in batch:
        batch["label"] = np.zeros(len(indices), np.int32)
    wanted = [int(i) for i in indices]
    for row, (index, record) in enumerate(zip(wanted, _read(records, shards, wanted))):
        identity = record.get("id")
        where = f"{shards.name} example {index}" + (f" ({identity.decode()})" if isinstance(identity, bytes) else "")
        for reader in readers.values():
            for key, value in reader.read(record, where).items():
                batch[key][row] = value
    return batch
