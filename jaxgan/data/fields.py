"""Fields of a data set: shape, dtype and kind (image, label map, plain value) of what an example holds, and padding."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

Kind = Literal["image", "map", "value"]
KINDS = ("image", "map", "value")
MASK = "_mask"


@dataclasses.dataclass(frozen=True)
class Field:
    """One entry of an example.

    Attributes:
      shape: of one example, without the batch axis.
      dtype: numpy dtype of the array.
      kind: 'image' is a picture uint8 [H, W, C] or a clip uint8 [T, H, W, C]; 'map' holds integer ids [H, W],
        [H, W, 1] or [T, H, W, 1], which are resized by nearest neighbour and never blended; 'value' is anything else
        and is left alone.
      classes: how many ids there are, 0 ... classes - 1, in a map or a label; 0 where that is not known or not meant.

    Raises:
      ValueError: where shape or dtype do not fit the kind.
    """

    shape: tuple[int, ...]
    dtype: Any
    kind: Kind
    classes: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(int(n) for n in self.shape))
        object.__setattr__(self, "dtype", np.dtype(self.dtype))
        if self.kind not in KINDS:
            raise ValueError(f"a field's kind must be one of {list(KINDS)}, got {self.kind!r}")
        given = f"got {self.dtype} {list(self.shape)}"
        if self.kind == "image" and (self.dtype != np.uint8 or len(self.shape) not in (3, 4)):
            raise ValueError(f"an image field must be uint8 [H, W, C] or [T, H, W, C], {given}")
        plane = len(self.shape) == 2 or (len(self.shape) in (3, 4) and self.shape[-1] == 1)
        if self.kind == "map" and not (plane and np.issubdtype(self.dtype, np.integer)):
            raise ValueError(f"a map field must be of integers [H, W], [H, W, 1] or [T, H, W, 1], {given}")
        if min(self.shape, default=1) < 1:
            raise ValueError(f"a field's sizes must be positive, {given}")
        if self.classes < 0 or (self.classes and not np.issubdtype(self.dtype, np.integer)):
            raise ValueError(f"only integers have classes, of at least 0, got {self.classes} of {self.dtype}")

    @property
    def is_picture(self) -> bool:
        """Whether the field has a height and a width that crops and flips move: an image or a map."""
        return self.kind != "value"

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of an image or a map."""
        height, width = self.shape[self.height_axis], self.shape[self.height_axis + 1]
        return height, width

    @property
    def height_axis(self) -> int:
        """The height's axis, counted from the end, so that it serves batches too; the width's is the next one."""
        if not self.is_picture:
            raise ValueError("a 'value' field has no height and width")
        return -2 if len(self.shape) == 2 else -3

    @property
    def num_bytes(self) -> int:
        """Size of one example's array."""
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize

    def with_size(self, size: tuple[int, int]) -> "Field":
        """The same picture at another (height, width)."""
        axis = len(self.shape) + self.height_axis
        return dataclasses.replace(self, shape=(*self.shape[:axis], *size, *self.shape[axis + 2 :]))


Fields = Mapping[str, Field]
Example = dict[str, np.ndarray]


def label_field(classes: int) -> Field:
    """An int32 scalar in [0, classes)."""
    return Field((), np.int32, "value", classes)


def check_ids(ids: np.ndarray, field: Field, where: str) -> None:
    """Refuses ids outside [0, ``field.classes``); a field with 0 classes takes any.

    Raises:
      ValueError: naming ``where`` the ids come from.
    """
    if not field.classes or not ids.size:
        return
    low, high = int(ids.min()), int(ids.max())
    if low < 0 or high >= field.classes:
        raise ValueError(
            f"{where} holds the id {low if low < 0 else high}, but the field has {field.classes} classes, ids 0 to "
            f"{field.classes - 1}; declare more classes, or 0 to leave ids unchecked"
        )


@dataclasses.dataclass(frozen=True)
class FieldSpec:
    """A field to be read: from where in the set, as what kind, padded to what length.

    Attributes:
      key: the feature of a TFDS set ('label_map', or 'objects/bbox' for a nested one), or a side of a pair.
      kind: 'image', 'map' or 'value'; None takes pictures as images, labelled images as maps, the rest as values.
      classes: number of ids; 0 takes what the set itself declares, if anything.
      length: lengths to which the axes of variable length are padded, the outermost first; an integer for one axis.
        Text counts as an axis of its UTF-8 bytes. A field ``<name>_mask`` then says where the values are.
      truncate: cut what is longer than ``length``, which is otherwise an error.
    """

    key: str
    kind: Kind | None = None
    classes: int = 0
    length: tuple[int, ...] | int | None = None
    truncate: bool = False

    @property
    def lengths(self) -> tuple[int, ...]:
        """``length`` as a tuple, empty where None."""
        if self.length is None:
            return ()
        return (self.length,) if isinstance(self.length, int) else tuple(int(n) for n in self.length)


def field_specs(given: Mapping[str, Any]) -> dict[str, FieldSpec]:
    """Specs by the new field's name, from keys ('label_map'), mappings ({'key': 'label_map', 'kind': 'map'}) or specs.

    Raises:
      ValueError: where one of them is none of these, or a kind is unknown.
    """
    specs = {}
    for name, value in given.items():
        if isinstance(value, FieldSpec):
            spec = value
        elif isinstance(value, str):
            spec = FieldSpec(value)
        else:
            try:
                spec = FieldSpec(**value)
            except TypeError as error:
                known = [field.name for field in dataclasses.fields(FieldSpec)]
                raise ValueError(
                    f"field {name!r} must be a key, or a mapping with 'key' and any of {known[1:]}, got {value!r}"
                ) from error
        if spec.kind not in (None, *KINDS):
            raise ValueError(f"field {name!r}: kind must be one of {list(KINDS)}, got {spec.kind!r}")
        if any(length < 1 for length in spec.lengths):
            raise ValueError(f"field {name!r}: lengths must be positive, got {spec.length!r}")
        specs[name] = spec
    if not specs:
        raise ValueError("fields names no field; write {'image': 'image'} or leave it out")
    return specs


def pad(
    values: Any, lengths: Sequence[int], shape: Sequence[int], dtype: Any, *, truncate: bool, where: str
) -> tuple[np.ndarray, np.ndarray]:
    """Pads nested sequences of differing lengths with zeros.

    Args:
      values: an array [n, ...], or a sequence [n] of such, nested as deep as ``lengths`` is long.
      lengths: to how many entries each level is padded.
      shape, dtype: of the innermost entries.
      truncate: cut what is longer.
      where: what an error calls the values.

    Returns:
      (padded [*lengths, *shape], mask bool [*lengths], True where there is a value).

    Raises:
      ValueError: where a level is longer than its length and ``truncate`` is off.
    """
    padded = np.zeros((*lengths, *shape), dtype)
    mask = np.zeros(tuple(lengths), np.bool_)

    def fill(given: Any, into: np.ndarray, held: np.ndarray) -> None:
        if len(given) > len(into) and not truncate:
            raise ValueError(
                f"{where} has {len(given)} entries where the field's length is {len(into)}; declare a longer one, or "
                f"truncate=True"
            )
        count = min(len(given), len(into))
        if held.ndim == 1:
            if count:
                into[:count] = np.asarray(given)[:count]
            held[:count] = True
            return
        for row in range(count):
            fill(given[row], into[row], held[row])

    fill(values, padded, mask)
    return padded, mask
