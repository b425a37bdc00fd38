"""Features of a TFDS set as fields: pictures, clips, label maps, labels, tensors, text, padded sequences."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from jaxgan.data.fields import MASK, Field, FieldSpec, check_ids, pad
from jaxgan.data.source import MAX_CLASSES
from jaxgan.data.transforms import center_crop_resize, center_crop_resize_ids, to_channels


@dataclasses.dataclass(frozen=True)
class TfdsReader:
    """How one field comes out of a record.

    Attributes:
      name: the new field.
      spec: what was asked for.
      fields: the field, and its mask where it is padded.
      form: 'picture' (an image or a map, of one frame), 'clip' (of several) or 'tensor'.
      depth: how many axes are padded.
      text: whether the innermost padded axis is that of a text's bytes.
      class_names: of a ClassLabel.
      plain: whether the feature is a ClassLabel at the record's top level.
    """

    name: str
    spec: FieldSpec
    fields: Mapping[str, Field]
    form: Literal["picture", "clip", "tensor"]
    depth: int = 0
    text: bool = False
    class_names: tuple[str, ...] = ()
    plain: bool = False

    def read(self, record: Mapping[str, Any], where: str) -> dict[str, np.ndarray]:
        """The field of a record, and its mask.

        Raises:
          ValueError: naming ``where``, for an id without a class, or more entries than the field is long.
        """
        field, value = self.fields[self.name], _within(record, self.spec.key)
        place = f"{where}: {self.spec.key}"
        if self.form == "picture":
            return {self.name: _picture(np.asarray(value), field, place)}
        if self.form == "clip":
            value = [_picture(np.asarray(frame), field, place) for frame in value]
        elif self.text:
            value = [_bytes(text) for text in value] if self.depth == 2 else _bytes(value)
        if not self.depth:
            array = np.asarray(value, field.dtype)
            check_ids(array, field, place)
            return {self.name: array}
        shape = field.shape[self.depth :]
        lengths = field.shape[: self.depth]
        padded, mask = pad(value, lengths, shape, field.dtype, truncate=self.spec.truncate, where=place)
        check_ids(padded[mask], field, place)
        return {self.name: padded, self.name + MASK: mask}


def holds_pictures(feature: Any) -> bool:
    """Whether decoding the feature decodes pictures."""
    import tensorflow_datasets as tfds

    if isinstance(feature, tfds.features.FeaturesDict):
        return any(holds_pictures(part) for part in dict(feature).values())
    if isinstance(feature, tfds.features.Sequence):
        return holds_pictures(feature.feature)
    return isinstance(feature, tfds.features.Image)


def tfds_reader(
    name: str,
    new: str,
    spec: FieldSpec,
    features: Mapping[str, Any],
    image_size: tuple[int, int] | None,
    channels: int,
) -> TfdsReader:
    """The reader of a feature.

    Args:
      name: of the set, for errors.
      new: the field's name.
      spec: which feature, as what.
      features: of the set.
      image_size: (height, width) of pictures after a centre crop; their own where None.
      channels: of images, 1 or 3.

    Raises:
      ValueError: where there is no such feature, it cannot be read as the kind that is asked for, it has too many
        classes, or an axis of variable length has no length to be padded to.
    """
    import tensorflow_datasets as tfds

    feature, sequences = _find(name, new, spec.key, features)
    shape, dtype = tuple(feature.shape), feature.np_dtype
    if isinstance(feature, tfds.features.Image) and spec.kind != "value":
        return _picture_reader(name, new, spec, feature, sequences, image_size, channels)
    text = isinstance(feature, tfds.features.Text)
    if spec.kind in ("image", "map"):
        raise ValueError(f"{name}: field {new!r} is no {spec.kind}: {spec.key!r} is {feature!r}; its kind is 'value'")
    if text:
        shape, dtype, sequences = (), np.uint8, (*sequences, None)
    label = isinstance(feature, tfds.features.ClassLabel)
    # Before its names are read, which are made where it has none.
    if label and (feature.num_classes or 0) > MAX_CLASSES:
        raise ValueError(
            f"{name}: {spec.key!r} has {feature.num_classes:,} classes, more than the {MAX_CLASSES:,} that are taken; "
            f"leave the field out (label_key=None of a set of images), or prepare the set with fewer classes"
        )
    sizes = (*sequences, *shape)
    depth = max((axis + 1 for axis, size in enumerate(sizes) if size is None), default=0)
    if depth != len(spec.lengths):
        raise ValueError(
            f"{name}: field {new!r} has {depth} axes of variable length ({spec.key!r} is {list(sizes)}), got "
            f"length={spec.length}; give 'length' a number for each{', the last one in bytes' if text else ''}"
        )
    if label:
        dtype = np.int32
    if np.dtype(dtype).kind not in "biuf":
        raise ValueError(f"{name}: field {new!r}: {spec.key!r} holds {np.dtype(dtype)}, which is no number or text")
    classes = spec.classes or (feature.num_classes or 0 if label else 0)
    fields = {new: Field((*spec.lengths, *sizes[depth:]), dtype, "value", classes)}
    if depth:
        fields[new + MASK] = Field(spec.lengths, np.bool_, "value")
    return TfdsReader(
        new,
        spec,
        fields,
        "tensor",
        depth,
        text,
        class_names=tuple(feature.names or ()) if label else (),
        plain=label and not sequences and "/" not in spec.key,
    )


def _picture_reader(
    name: str,
    new: str,
    spec: FieldSpec,
    feature: Any,
    sequences: tuple[int | None, ...],
    image_size: tuple[int, int] | None,
    channels: int,
) -> TfdsReader:
    import tensorflow_datasets as tfds

    labeled = isinstance(feature, tfds.features.LabeledImage)
    kind = spec.kind or ("map" if labeled else "image")
    if len(sequences) > 1:
        raise ValueError(f"{name}: field {new!r}: sequences of clips can't be read, {spec.key!r} is one")
    if kind == "map" and feature.shape[-1] != 1:
        raise ValueError(f"{name}: field {new!r}: a map has one channel, {spec.key!r} is {list(feature.shape)}")
    if image_size is None:
        height, width = feature.shape[:2]
        if height is None or width is None:
            raise ValueError(f"{name} has images of several sizes; pass image_size=(height, width)")
        image_size = (height, width)
    if np.dtype(feature.np_dtype) != np.uint8 and kind == "image":
        raise ValueError(f"{name}: field {new!r}: {spec.key!r} holds {np.dtype(feature.np_dtype)}, images are of uint8")
    center_crop_resize(to_channels(np.zeros((1, 1, 3), np.uint8), channels), image_size)
    size = (*image_size, 1 if kind == "map" else channels)
    # A clip's frames are fixed in number, or padded to the length that is asked for.
    variable = sequences == (None,)
    if variable != bool(spec.lengths) or len(spec.lengths) > 1:
        raise ValueError(
            f"{name}: field {new!r}: {spec.key!r} has {'clips of any length' if variable else 'one shape'}, got "
            f"length={spec.length}; {'give it one number of frames' if variable else 'leave the length out'}"
        )
    frames = spec.lengths if variable else sequences
    classes = spec.classes or (feature.num_classes or 0 if labeled else 0)
    dtype = np.uint8 if kind == "image" or feature.np_dtype == np.uint8 else np.int32
    fields = {new: Field((*frames, *size), dtype, kind, classes if kind == "map" else 0)}  # type: ignore[arg-type]
    if variable:
        fields[new + MASK] = Field(spec.lengths, np.bool_, "value")
    return TfdsReader(new, spec, fields, "clip" if sequences else "picture", int(variable))


def _find(name: str, new: str, key: str, features: Mapping[str, Any]) -> tuple[Any, tuple[int | None, ...]]:
    """The feature below ``key``, and the lengths of the sequences that it lies in (None: variable)."""
    import tensorflow_datasets as tfds

    found: Any = features
    lengths: tuple[int | None, ...] = ()
    for part in key.split("/"):
        known = dict(found) if isinstance(found, Mapping | tfds.features.FeaturesDict) else {}
        if part not in known:
            raise ValueError(
                f"{name} has no feature {key!r}, which field {new!r} asks for; its features are {sorted(features)}"
            )
        found = known[part]
        while isinstance(found, tfds.features.Sequence):
            lengths, found = (*lengths, _length(found.shape)), found.feature
    if isinstance(found, tfds.features.FeaturesDict):
        raise ValueError(f"{name}: {key!r} is nested; name one of its features, such as '{key}/{sorted(found)[0]}'")
    return found, lengths


def _length(shape: Any) -> int | None:
    """The first axis, which all parts of a nested sequence share."""
    while not isinstance(shape, tuple):
        shape = next(iter(shape.values()))
    return shape[0]


def _within(record: Any, key: str) -> Any:
    for part in key.split("/"):
        record = record[part]
    return record


def _picture(pixels: np.ndarray, field: Field, where: str) -> np.ndarray:
    if field.kind == "map":
        check_ids(pixels, field, where)
        return center_crop_resize_ids(pixels, field.size)
    return center_crop_resize(to_channels(pixels, field.shape[-1]), field.size)


def _bytes(text: bytes | str) -> np.ndarray:
    return np.frombuffer(text.encode() if isinstance(text, str) else text, np.uint8)
