"""Data augmentation of whole examples: chains of operations that move an image and its label map together.

An operation is a frozen dataclass with two functions, ``fields_after(fields)``, by which shapes are known before
anything is read, and ``__call__(fields, example, key)``. Its randomness comes from a :class:`jaxgan.data.keys.Key`
alone, which is the seed, the example's position in the endless order and the operation's place in the chain: no
process, worker, thread or restart changes it. D's input has augmentations of its own, on the device:
:mod:`jaxgan.augment`.
"""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from jaxgan.data.derived_fields import Binarise, ClassCaptions, Colours, Degrade, Edges, Grey, Levels
from jaxgan.data.fields import Example, Field, Fields
from jaxgan.data.geometry import Flip, Jitter, RandomCrop, Rescale, Resize
from jaxgan.data.keys import Key
from jaxgan.data.source import Batch, Source
from jaxgan.data.transforms import flip_mask


class Augmentation(Protocol):
    """An operation on one example, pure in its arguments."""

    def fields_after(self, fields: Fields) -> dict[str, Field]:
        """The fields that it makes of ``fields``; ValueError where it cannot be applied to them."""
        ...

    def __call__(self, fields: Fields, example: Example, key: Key) -> Example:
        """The example with every picture moved by one draw, in new arrays."""
        ...


OPERATIONS = {
    "flip": Flip,
    "random_crop": RandomCrop,
    "resize": Resize,
    "jitter": Jitter,
    "rescale": Rescale,
    "degrade": Degrade,
    "grey": Grey,
    "edges": Edges,
    "levels": Levels,
    "colours": Colours,
    "binarise": Binarise,
    "class_captions": ClassCaptions,
}


def augmentations(given: Sequence[Any]) -> tuple[Augmentation, ...]:
    """A chain from plain data: ({'op': 'jitter', 'resize': (286, 286), 'size': (256, 256)}, 'flip').

    Args:
      given: names, mappings with the name under 'op' and the operation's own fields, or operations.

    Raises:
      ValueError: where a name or a field is unknown, listing those there are.
    """
    chain: list[Augmentation] = []
    for entry in given:
        if not isinstance(entry, str) and not hasattr(entry, "keys"):
            chain.append(entry)
            continue
        options = {} if isinstance(entry, str) else {key: entry[key] for key in entry.keys()}  # noqa: SIM118
        name = entry if isinstance(entry, str) else options.pop("op", None)
        if name not in OPERATIONS:
            raise ValueError(f"unknown augmentation {name!r}; write one of {list(OPERATIONS)} (as 'op' in a mapping)")
        operation = OPERATIONS[name]
        try:
            chain.append(operation(**{k: tuple(v) if isinstance(v, list) else v for k, v in options.items()}))
        except TypeError as error:
            known = [field.name for field in dataclasses.fields(operation)]
            raise ValueError(f"augmentation {name!r} takes {known}, got {sorted(options)}") from error
    return tuple(chain)


def fields_after(chain: Sequence[Augmentation], fields: Fields) -> dict[str, Field]:
    """The fields of what a chain makes.

    Raises:
      ValueError: where an operation cannot be applied to what comes before it.
    """
    for operation in chain:
        fields = operation.fields_after(fields)
    return dict(fields)


def augment_example(
    chain: Sequence[Augmentation], fields: Fields, example: Example, seed: int, position: int
) -> Example:
    """One example through a chain."""
    for place, operation in enumerate(chain):
        example = operation(fields, example, Key(seed, position, place))
        fields = operation.fields_after(fields)
    return example


def augment_batch(
    chain: Sequence[Augmentation], fields: Fields, batch: Batch, seed: int, positions: np.ndarray
) -> Batch:
    """A batch through a chain, in arrays that may be the batch's own: the rows that :func:`augment_example` gives."""
    if not chain:
        return batch
    if tuple(chain) == (Flip(),):
        mirrored = flip_mask(seed, positions)
        for key, field in fields.items():
            if field.is_picture:
                batch[key][mirrored] = np.flip(batch[key][mirrored], axis=field.height_axis + 1)
        return batch
    rows = [
        augment_example(chain, fields, {key: value[row] for key, value in batch.items()}, seed, int(position))
        for row, position in enumerate(positions)
    ]
    return {key: np.stack([row[key] for row in rows]) for key in rows[0]}


def augmented(source: Source, chain: Sequence[Augmentation], *, seed: int = 0) -> Source:
    """The set with a chain applied to each example, the same at every reading: for held-out inputs and targets.

    A random operation draws by (seed, index). Fields that the chain makes, such as a small copy or edges, can then be
    scored and sampled from as any others.

    Raises:
      ValueError: where the chain cannot be applied to the set's fields.
    """
    after = fields_after(chain, source.fields)
    return dataclasses.replace(
        source,
        fields=after,
        fetch=functools.partial(_fetch_augmented, source, tuple(chain), seed),
        # No longer a gather from arrays.
        in_memory=False,
        read_version=functools.partial(_augmented_version, source, tuple(chain), seed),
    )


def _fetch_augmented(source: Source, chain: Sequence[Augmentation], seed: int, indices: np.ndarray) -> Batch:
    return augment_batch(chain, source.fields, source.fetch(indices), seed, np.asarray(indices))


def _augmented_version(source: Source, chain: Sequence[Augmentation], seed: int) -> str:
    return f"{source.version}+{'+'.join(map(repr, chain))}@{seed}" if source.version else ""
