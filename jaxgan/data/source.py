"""A source: one labelled image set that can be read at any index, whatever it is stored in."""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

Batch = dict[str, np.ndarray]

# Enough to overlap reading with decoding (Pillow lets go of the interpreter lock) without crowding a small machine.
LOAD_THREADS = 4
LOAD_ROWS = 64


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """Images and labels by index.

    Attributes:
      name: how error messages and logs call the set.
      length: number of examples.
      num_classes: number of classes; labels are 0 ... num_classes - 1.
      class_names: one name per class.
      image_shape: (H, W, C) of every image that ``fetch`` returns.
      fetch: indices int [N], each in [0, length) -> {'image': uint8 [N, H, W, C], 'label': int32 [N]}, in arrays that
        the caller may write to. It can be pickled, so that worker processes can have it.
      in_memory: whether ``fetch`` is a gather from arrays, cheap enough to be called once for a whole batch.
      labels: indices int [N] -> int32 [N], where labels can be read without the images; None where they cannot.
      rejected: names of the files (and of the classes, ending in '/') that were left out.
    """

    name: str
    length: int
    num_classes: int
    class_names: tuple[str, ...]
    image_shape: tuple[int, int, int]
    fetch: Callable[[np.ndarray], Batch]
    in_memory: bool
    labels: Callable[[np.ndarray], np.ndarray] | None = None
    rejected: tuple[str, ...] = ()

    @property
    def num_bytes(self) -> int:
        """Size of all images as uint8."""
        height, width, channels = self.image_shape
        return self.length * height * width * channels


def in_memory(
    images: np.ndarray,
    labels: np.ndarray,
    *,
    name: str = "arrays",
    class_names: Sequence[str] | None = None,
    rejected: tuple[str, ...] = (),
) -> Source:
    """A source over arrays, which it keeps without copying.

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
    names = tuple(map(str, range(labels.max() + 1))) if class_names is None else tuple(class_names)
    if labels.min() < 0 or labels.max() >= len(names):
        raise ValueError(f"{name}: labels must lie in [0, {len(names)}), got {labels.min()} to {labels.max()}")
    return Source(
        name=name,
        length=len(images),
        num_classes=len(names),
        class_names=names,
        image_shape=(images.shape[1], images.shape[2], images.shape[3]),
        fetch=functools.partial(_gather, images, labels.astype(np.int32)),
        in_memory=True,
        labels=labels.astype(np.int32).__getitem__,
        rejected=rejected,
    )


def load(source: Source) -> Source:
    """Decodes a whole set into memory; a set that is there already is returned as it is.

    Raises:
      ValueError: as ``source.fetch`` does, naming the example that cannot be read.
    """
    if source.in_memory:
        return source
    images = np.empty((source.length, *source.image_shape), np.uint8)
    labels = np.empty(source.length, np.int32)

    def fill(start: int) -> None:
        rows = slice(start, min(start + LOAD_ROWS, source.length))
        batch = source.fetch(np.arange(rows.start, rows.stop))
        images[rows], labels[rows] = batch["image"], batch["label"]

    with ThreadPoolExecutor(LOAD_THREADS) as pool:
        # The results are consumed because that is where a thread's exception comes out.
        for _ in pool.map(fill, range(0, source.length, LOAD_ROWS)):
            pass
    return in_memory(images, labels, name=source.name, class_names=source.class_names, rejected=source.rejected)


def _gather(images: np.ndarray, labels: np.ndarray, indices: np.ndarray) -> Batch:
    return {"image": images[indices], "label": labels[indices]}
