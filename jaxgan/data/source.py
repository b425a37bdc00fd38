"""Data sets with random access: fields by index, whatever they are stored in; joined, renamed, loaded into memory."""

import dataclasses
import functools
import hashlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from jaxgan.data.fields import Field, check_ids, label_field
from jaxgan.data.npz import MEMORY_SHARE, free_memory

Batch = dict[str, np.ndarray]

# Enough to overlap reading with decoding (Pillow lets go of the interpreter lock) without crowding a small machine.
LOAD_THREADS = 4
LOAD_ROWS = 64
# ImageNet-21k has 21,841.
MAX_CLASSES = 1_000_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """Examples by index. A labelled image set is the case with the fields 'image' and 'label'.

    Attributes:
      name: how error messages and logs call the set.
      length: number of examples.
      fields: what each example holds, by name.
      fetch: indices int [N], each in [0, length) -> {field: [N, *shape]}, in arrays that the caller may write to. It
        can be pickled, so that worker processes can have it.
      in_memory: whether ``fetch`` is a gather from arrays, cheap enough to be called once for a whole batch.
      class_names: one name per class of 'label'; empty where there is no such field.
      labels: indices int [N] -> int32 [N], the field 'label' where it can be read without the rest; None where not.
      names: index -> the example's name, such as a file's stem; None where examples have none.
      read_version: () -> what tells this content from another's; None where nothing is known. It may read every file.
      rejected: names of the files (and of the classes and folders, ending in '/') that were left out.
      stored_size: (height, width) of all pictures as they are stored; None where they differ or it is not known.
    """

    name: str
    length: int
    fields: Mapping[str, Field]
    fetch: Callable[[np.ndarray], Batch]
    in_memory: bool
    class_names: tuple[str, ...] = ()
    labels: Callable[[np.ndarray], np.ndarray] | None = None
    names: Callable[[int], str] | None = None
    read_version: Callable[[], str] | None = None
    rejected: tuple[str, ...] = ()
    stored_size: tuple[int, int] | None = None

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(H, W, C) of the field 'image', of a clip those of its frames."""
        if "image" not in self.fields:
            raise ValueError(f"{self.name} has no field 'image'; its fields are {list(self.fields)}")
        height, width, channels = self.fields["image"].shape[-3:]
        return height, width, channels

    @property
    def num_classes(self) -> int:
        """Number of classes of the field 'label', which lie in [0, num_classes); 0 where there is none."""
        return self.fields["label"].classes if "label" in self.fields else 0

    @property
    def version(self) -> str:
        """Identifies the content; '' where nothing is known. Each access may read every file."""
        return "" if self.read_version is None else self.read_version()

    @property
    def num_bytes(self) -> int:
        """Size of all examples in memory."""
        return self.length * sum(field.num_bytes for field in self.fields.values())


def array_source(
    arrays: Mapping[str, np.ndarray],
    fields: Mapping[str, Field],
    *,
    name: str = "arrays",
    class_names: Sequence[str] = (),
    names: Callable[[int], str] | None = None,
    read_version: Callable[[], str] | None = None,
    rejected: tuple[str, ...] = (),
    stored_size: tuple[int, int] | None = None,
) -> Source:
    """A source over arrays of any fields, which it keeps without copying.

    Args:
      arrays: by field, [N, *shape] each.
      fields: of the same names.
      name, class_names, names, rejected, stored_size: as in :class:`Source`.
      read_version: as there; of the arrays' content where None.

    Raises:
      ValueError: where names, lengths, shapes or dtypes differ, the set is empty, or an id has no class.
    """
    if set(arrays) != set(fields):
        raise ValueError(f"{name}: arrays {sorted(arrays)} and fields {sorted(fields)} must have the same names")
    length = len(next(iter(arrays.values()), ()))
    for key, field in fields.items():
        array = arrays[key]
        if array.dtype != field.dtype or array.shape != (length, *field.shape) or not length:
            raise ValueError(
                f"{name}: {key} must be {field.dtype} [N >= 1, {', '.join(map(str, field.shape))}] with one N for all, "
                f"got {array.dtype} {list(array.shape)}"
            )
        for index in range(length if field.kind == "map" and field.classes else 0):
            check_ids(array[index], field, f"{name}: {key} of example {names(index) if names else index}")
        if field.kind == "value":
            check_ids(array, field, f"{name}: {key}")
    label = arrays.get("label")
    return Source(
        name=name,
        length=length,
        fields=dict(fields),
        fetch=functools.partial(_gather, dict(arrays)),
        in_memory=True,
        class_names=tuple(class_names),
        labels=None if label is None else label.__getitem__,
        names=names,
        read_version=read_version or functools.partial(_content_version, dict(arrays)),
        rejected=rejected,
        stored_size=stored_size,
    )


def in_memory(
    images: np.ndarray,
    labels: np.ndarray,
    *,
    name: str = "arrays",
    class_names: Sequence[str] | None = None,
    rejected: tuple[str, ...] = (),
) -> Source:
    """A labelled image set over arrays, which it keeps without copying.

    Args:
      images: uint8 [N, H, W, C].
      labels: int [N].
      name, rejected: as in :class:`Source`.
      class_names: one per class; '0', '1', ... up to the largest label where None.

    Raises:
      ValueError: where shapes or dtype differ from the above, the set is empty, or a label has no class.
    """
    if images.dtype != np.uint8 or images.ndim != 4 or not len(images):
        raise ValueError(f"{name}: images must be uint8 [N >= 1, H, W, C], got {images.dtype} {list(images.shape)}")
    if labels.shape != images.shape[:1] or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"{name}: labels must be int [{len(images)}], got {labels.dtype} {list(labels.shape)}")
    if class_names is None and labels.max() >= MAX_CLASSES:
        raise ValueError(
            f"{name}: the largest label is {labels.max()}, and each number up to it would be a class; number classes "
            f"from 0, below {MAX_CLASSES}"
        )
    names = tuple(map(str, range(int(labels.max()) + 1))) if class_names is None else tuple(class_names)
    if labels.min() < 0 or labels.max() >= len(names):
        raise ValueError(f"{name}: labels must lie in [0, {len(names)}), got {labels.min()} to {labels.max()}")
    return array_source(
        {"image": images, "label": labels.astype(np.int32)},
        image_fields(images.shape[1:], len(names)),
        name=name,
        class_names=names,
        rejected=rejected,
    )


def image_fields(shape: Sequence[int], classes: int) -> dict[str, Field]:
    """The fields of a labelled image set: 'image' uint8 and 'label' int32."""
    return {"image": Field(tuple(shape), np.uint8, "image"), "label": label_field(classes)}


def fits_in_memory(source: Source) -> bool:
    """Whether all examples take no more than half of the memory that is free."""
    return source.num_bytes <= MEMORY_SHARE * free_memory()


def load(source: Source) -> Source:
    """Decodes a whole set into memory, every field of it; a set that is there already is returned as it is.

    Raises:
      ValueError: where it takes more than half of the free memory, before any is taken; as ``source.fetch`` does,
        naming the example that cannot be read.
    """
    if source.in_memory:
        return source
    if not fits_in_memory(source):
        raise ValueError(
            f"{source.name} takes {source.num_bytes / 1e9:.1f} GB in memory, more than half of the "
            f"{free_memory() / 1e9:.1f} GB that are free; leave it where it is (data.in_memory=false), or make its "
            f"pictures smaller"
        )
    arrays = {key: np.empty((source.length, *field.shape), field.dtype) for key, field in source.fields.items()}

    def fill(start: int) -> None:
        rows = slice(start, min(start + LOAD_ROWS, source.length))
        for key, value in source.fetch(np.arange(rows.start, rows.stop)).items():
            arrays[key][rows] = value

    with ThreadPoolExecutor(LOAD_THREADS) as pool:
        # The results are consumed because that is where a thread's exception comes out.
        for _ in pool.map(fill, range(0, source.length, LOAD_ROWS)):
            pass
    return array_source(
        arrays,
        source.fields,
        name=source.name,
        class_names=source.class_names,
        names=source.names,
        read_version=source.read_version,
        rejected=source.rejected,
        stored_size=source.stored_size,
    )


def select(source: Source, **fields: str) -> Source:
    """A view with fewer fields, or under other names: ``select(pairs, image='image_B', input='image_A')``.

    Args:
      source: the set.
      **fields: new name = the source's field.

    Raises:
      ValueError: where the source has no such field, or none is asked for.
    """
    missing = sorted(set(fields.values()) - set(source.fields))
    if missing or not fields:
        raise ValueError(f"{source.name} has no field {missing or 'asked for'}; its fields are {list(source.fields)}")
    labeled = fields.get("label") == "label"
    return dataclasses.replace(
        source,
        fields={new: source.fields[old] for new, old in fields.items()},
        fetch=functools.partial(_fetch_selected, source.fetch, fields),
        labels=source.labels if labeled else None,
        class_names=source.class_names if labeled else (),
    )


def subset(source: Source, indices: np.ndarray, name: str) -> Source:
    """The examples ``indices`` int [N] of a set, in that order, as a set called ``name``.

    Raises:
      ValueError: where there are none.
    """
    chosen = np.asarray(indices, np.int64)
    if not len(chosen):
        raise ValueError(f"{name} is empty")
    read, names = source.labels, source.names
    return dataclasses.replace(
        source,
        name=name,
        length=len(chosen),
        fetch=functools.partial(_fetch_rows, source.fetch, chosen),
        labels=None if read is None else functools.partial(_fetch_rows, read, chosen),
        names=None if names is None else functools.partial(_name_of_row, names, chosen),
        read_version=functools.partial(_subset_version, source, chosen),
    )


def _fetch_rows(fetch: Callable[[np.ndarray], Any], chosen: np.ndarray, indices: np.ndarray) -> Any:
    return fetch(chosen[indices])


def _name_of_row(names: Callable[[int], str], chosen: np.ndarray, index: int) -> str:
    return names(int(chosen[index]))


def _subset_version(source: Source, chosen: np.ndarray) -> str:
    return f"{source.version}[{hashlib.sha256(chosen.tobytes()).hexdigest()[:16]}]" if source.version else ""


def joined(**views: Source) -> Source:
    """Views of the same examples as one set: an image and its label map, a picture and its small copy.

    A view's field 'image', or its only field, comes under the view's name; its other fields keep theirs. So
    ``joined(photo=photos, map=maps)`` of a labelled set and a set of maps has 'photo', 'label' and 'map'. Examples are
    named as those of the first view that has names.

    Raises:
      ValueError: where there is no view, lengths differ, or two fields would have one name (see :func:`select`).
    """
    if not views:
        raise ValueError("joined needs at least one view, such as joined(image=photos, map=maps)")
    lengths = {view: source.length for view, source in views.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"joined views must be of one length, got {_listing(lengths)}")
    names = {view: _joined_names(view, source) for view, source in views.items()}
    origin: dict[str, str] = {}
    for view, renamed in names.items():
        for field in renamed.values():
            if field in origin:
                raise ValueError(
                    f"views {origin[field]!r} and {view!r} both have a field {field!r}; rename or drop one with "
                    f"select(source, new='old')"
                )
            origin[field] = view
    parts = tuple((source.fetch, names[view]) for view, source in views.items())
    labeled = views.get(origin.get("label", ""))
    own_label = labeled is not None and names[origin["label"]].get("label") == "label"
    return Source(
        name=" + ".join(source.name for source in views.values()),
        length=next(iter(lengths.values())),
        fields={new: views[v].fields[old] for v, renamed in names.items() for old, new in renamed.items()},
        fetch=functools.partial(_fetch_joined, parts),
        in_memory=all(source.in_memory for source in views.values()),
        class_names=labeled.class_names if labeled is not None and own_label else (),
        labels=labeled.labels if labeled is not None and own_label else None,
        names=next((source.names for source in views.values() if source.names is not None), None),
        read_version=functools.partial(_joined_version, tuple(views.values())),
        rejected=tuple(file for source in views.values() for file in source.rejected),
    )


def _joined_names(view: str, source: Source) -> dict[str, str]:
    """The view's fields -> their names in the joined set."""
    main = "image" if "image" in source.fields else next(iter(source.fields)) if len(source.fields) == 1 else None
    return {field: view if field == main else field for field in source.fields}


def _joined_version(sources: Sequence[Source]) -> str:
    versions = [source.version for source in sources]
    return "+".join(versions) if all(versions) else ""


def _content_version(arrays: Mapping[str, np.ndarray]) -> str:
    """Sixteen digits of the SHA-256 of arrays by name."""
    digest = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).data.cast("B") if array.size else b"")
    return digest.hexdigest()[:16]


def _listing(values: Mapping[str, object]) -> str:
    return ", ".join(f"{key}: {value}" for key, value in values.items())


def _gather(arrays: Mapping[str, np.ndarray], indices: np.ndarray) -> Batch:
    return {key: array[indices] for key, array in arrays.items()}


def _fetch_selected(fetch: Callable[[np.ndarray], Batch], fields: Mapping[str, str], indices: np.ndarray) -> Batch:
    batch = fetch(indices)
    repeated = len(set(fields.values())) < len(fields)
    return {new: batch[old].copy() if repeated else batch[old] for new, old in fields.items()}


def _fetch_joined(
    parts: Sequence[tuple[Callable[[np.ndarray], Batch], Mapping[str, str]]], indices: np.ndarray
) -> Batch:
    return {renamed[field]: array for fetch, renamed in parts for field, array in fetch(indices).items()}
