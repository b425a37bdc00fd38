"""Inputs of sampling: the conditions that samples are drawn for, be they class labels, a split's images, or none."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxgan.data import Source
from jaxgan.training.errors import UserError

Rows = dict[str, Any]

# Examples that are read at once where only their labels are wanted.
_READ = 512


class SampleInputs(NamedTuple):
    """Inputs of sampling, one sample an input.

    Attributes:
      length: how many.
      rows: indices int [N] -> the condition fields, trees of host arrays [N, ...]; {} for an unconditional method.
      names: what each sample is called, where inputs have names; None where they have none.
      stamp: what a score's stamp says of the inputs; empty for labels that go round the classes.
      labels: int [length], the classes; None where there are none.
    """

    length: int
    rows: Callable[[np.ndarray], Rows]
    names: tuple[str, ...] | None = None
    stamp: Mapping[str, Any] = {}
    labels: np.ndarray | None = None


def balanced_labels(num_images: int, classes: int | Sequence[int] | np.ndarray) -> np.ndarray:
    """[num_images] int32 that go round the classes: a number of them, or a list."""
    choices = np.arange(max(classes, 1)) if isinstance(classes, int) else np.asarray(classes)
    return np.resize(choices, num_images).astype(np.int32)


def label_inputs(num_images: int, classes: int | Sequence[int]) -> SampleInputs:
    """``num_images`` samples spread evenly over the classes: {'label': int32 [N]}.

    Args:
      num_images: how many.
      classes: their number, or a list of them; 0 for a method without classes, whose rows are {}.

    Raises:
      UserError: where there are no images to draw.
    """
    if num_images < 1:
        raise UserError(f"num_images={num_images}: give at least 1")
    if isinstance(classes, int) and not classes:
        return SampleInputs(num_images, lambda indices: {})
    return inputs_of_labels(balanced_labels(num_images, classes))


def inputs_of_labels(labels: np.ndarray) -> SampleInputs:
    """A sample for each label: [N] int classes, or [N, num_classes] float weights of a mixture of classes."""
    return SampleInputs(
        len(labels), lambda indices: {"label": labels[indices]}, labels=labels if labels.ndim == 1 else None
    )


def check_labels(inputs: SampleInputs, num_classes: int) -> None:
    """Refuses labels that a method's classes do not have, for which its networks would draw black pictures.

    Raises:
      UserError: naming the first, and the classes that there are.
    """
    if inputs.labels is None or not num_classes or not len(inputs.labels):
        return
    wrong = inputs.labels[(inputs.labels < 0) | (inputs.labels >= num_classes)]
    if len(wrong):
        raise UserError(f"the label {wrong[0]} is no class: they are 0 to {num_classes - 1}")


def source_inputs(
    source: Source,
    conditions: Sequence[str],
    indices: np.ndarray | None = None,
    *,
    stamp: Mapping[str, Any] | None = None,
) -> SampleInputs:
    """A sample for each example of a source, read batch by batch as it is drawn.

    Args:
      source: gives the conditions.
      conditions: fields of its examples: ``method.conditions``.
      indices: int [N], the examples, in order; all of them where None.
      stamp: what stamps say of them; the source's name where None.

    Raises:
      UserError: where the source's examples lack a field.
    """
    chosen = np.arange(source.length) if indices is None else np.asarray(indices)
    lacking = [name for name in conditions if name not in source.fields]
    if lacking:
        raise UserError(
            f"sampling needs {', '.join(conditions)} of each example, and {source.name} has no {lacking[0]!r}; it has "
            f"{', '.join(source.fields)}"
        )
    only_labels = tuple(conditions) == ("label",) and source.labels is not None

    def rows(wanted: np.ndarray) -> Rows:
        if only_labels:
            return {"label": source.labels(chosen[wanted])}  # type: ignore[misc]
        fetched = source.fetch(chosen[wanted])
        return {name: fetched[name] for name in conditions}

    return SampleInputs(
        len(chosen),
        rows,
        None if source.names is None else tuple(source.names(int(index)) for index in chosen),
        {"inputs": source.name} if stamp is None else dict(stamp),
        source_labels(source, chosen) if "label" in conditions else None,
    )


def with_shared(inputs: SampleInputs, shared: Mapping[str, np.ndarray]) -> SampleInputs:
    """``inputs`` with further conditions that are the same for all of them.

    Args:
      inputs: of samples.
      shared: name -> the condition of one sample, [...].
    """

    def rows(indices: np.ndarray) -> Rows:
        same = {name: np.broadcast_to(value, (len(indices), *value.shape)) for name, value in shared.items()}
        return {**inputs.rows(indices), **same}

    return inputs._replace(rows=rows)


def source_labels(source: Source, indices: np.ndarray) -> np.ndarray:
    """The labels of ``indices``, int32 [N], without the images where the source can."""
    if source.labels is not None:
        return source.labels(indices)
    parts = [source.fetch(rows)["label"] for rows in np.array_split(indices, math.ceil(len(indices) / _READ))]
    return np.concatenate(parts)


def even_choice(length: int, count: int | None) -> np.ndarray | None:
    """``count`` of ``length`` numbers, chosen evenly and the same each time, in order; None for all of them."""
    if count is None or count == length:
        return None
    return np.sort(np.random.default_rng(0).permutation(length)[:count])
