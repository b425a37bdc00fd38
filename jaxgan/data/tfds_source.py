"""TFDS sets through ``tfds.data_source``'s random access: ArrayRecord files, decoded without TensorFlow."""

import difflib
import functools
import hashlib
import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxgan.data.source import Batch, Source
from jaxgan.data.transforms import center_crop_resize, to_channels


def tfds_source(
    name: str,
    split: str,
    data_dir: str | os.PathLike[str] | None = None,
    image_size: tuple[int, int] | None = None,
    channels: int = 3,
    image_key: str = "image",
    label_key: str | None = "label",
) -> Source:
    """A prepared TFDS set, by its official name or by the name of a prepared directory below ``data_dir``.

    Args:
      name: as TFDS takes it: 'cifar10', 'name/config', 'name:version'.
      split: such as 'train', 'train[:10%]' or 'train+test'.
      data_dir: where the sets lie; TFDS's own default (~/tensorflow_datasets) where None.
      image_size: (height, width) after a centre crop; the set's own size where None.
      channels: 1 (grey) or 3 (RGB).
      image_key: the feature with the picture.
      label_key: the ClassLabel feature, or None for one class 'all' with label 0.

    Raises:
      ValueError: where the set is unknown, not prepared or prepared in a format without random access; where the split
        or a feature doesn't exist; where ``image_size`` is None and the images' sizes differ.
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
    image = features.get(image_key)
    if not isinstance(image, tfds.features.Image) or np.dtype(image.np_dtype) != np.uint8:
        usable = [k for k, f in features.items() if isinstance(f, tfds.features.Image)]
        raise ValueError(f"tfds:{name} has no uint8 image feature {image_key!r}; its image features are {usable}")
    class_names: tuple[str, ...] = ("all",)
    if label_key is not None:
        label = features.get(label_key)
        if not isinstance(label, tfds.features.ClassLabel):
            usable = [k for k, f in features.items() if isinstance(f, tfds.features.ClassLabel)]
            raise ValueError(
                f"tfds:{name} has no class label feature {label_key!r}; its class labels are {usable}; "
                f"pass label_key=None to train without classes"
            )
        class_names = tuple(label.names)
    if image_size is None:
        height, width = image.shape[:2]
        if height is None or width is None:
            raise ValueError(f"tfds:{name} has images of several sizes; pass image_size=(height, width)")
        image_size = (height, width)
    center_crop_resize(to_channels(np.zeros((1, 1, 3), np.uint8), channels), image_size)

    # Other pictures (label maps, the second half of a pair) would cost as much as the one that is asked for.
    others = [k for k, f in features.items() if isinstance(f, tfds.features.Image) and k != image_key]
    try:
        records = builder.as_data_source(split, decoders={key: tfds.decode.SkipDecoding() for key in others})
        bare = builder.as_data_source(split, decoders={k: tfds.decode.SkipDecoding() for k in (*others, image_key)})
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
    return Source(
        name=f"tfds:{name}/{split}",
        length=len(records),
        num_classes=len(class_names),
        class_names=class_names,
        image_shape=(image_size[0], image_size[1], channels),
        fetch=functools.partial(_fetch, records, image_key, label_key, (image_size[0], image_size[1]), channels),
        in_memory=False,
        labels=None if label_key is None else functools.partial(_fetch_labels, bare, label_key),
    )


class TfdsDescription(NamedTuple):
    """What a prepared TFDS set says of itself.

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
    digest = hashlib.sha256()
    for file in sorted(p for p in Path(builder.data_dir).iterdir() if p.is_file()):
        digest.update(f"{file.name} {file.stat().st_size}\n".encode())
        if file.suffix == ".json":
            digest.update(file.read_bytes())
    return TfdsDescription(
        version=f"{builder.info.version}+{digest.hexdigest()[:16]}",
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


def _fetch_labels(records: Any, label_key: str, indices: np.ndarray) -> np.ndarray:
    return np.array([record[label_key] for record in records.__getitems__([int(i) for i in indices])], np.int32)


def _fetch(
    records: Any,
    image_key: str,
    label_key: str | None,
    size: tuple[int, int],
    channels: int,
    indices: np.ndarray,
) -> Batch:
    images = np.empty((len(indices), *size, channels), np.uint8)
    labels = np.zeros(len(indices), np.int32)
    for row, record in enumerate(records.__getitems__([int(i) for i in indices])):
        images[row] = center_crop_resize(to_channels(record[image_key], channels), size)
        if label_key is not None:
            labels[row] = record[label_key]
    return {"image": images, "label": labels}
