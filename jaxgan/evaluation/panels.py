"""Panels: rows of pictures such as input, output, target, one row an example; label maps in a palette, clips as film
strips.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np

from jaxgan.data import Source
from jaxgan.data.palette import palette
from jaxgan.evaluation.inputs import SampleInputs
from jaxgan.evaluation.sampling import sample_images
from jaxgan.training.errors import UserError
from jaxgan.training.method import Method
from jaxgan.training.state import Variables

# White pixels between the pictures of a row, and between rows.
GAP = 2


def as_pictures(values: np.ndarray, *, is_map: bool = False) -> np.ndarray:
    """Arrays as pictures for people: uint8 [N, h, w, 3].

    Args:
      values: uint8, or float in [-1, 1]: images [N, H, W, 1 or 3], or clips [N, T, H, W, 1 or 3], whose frames are laid
        side by side; or label maps, int [N, H, W] or [N, H, W, 1], in the colours of
        :func:`jaxgan.data.palette.palette`, round again from 256 on.
      is_map: whether uint8 values are classes; other ints are.

    Raises:
      ValueError: on another shape or dtype.
    """
    whole = np.issubdtype(values.dtype, np.integer)
    if whole and (is_map or values.dtype != np.uint8):
        classes = values[..., 0] if values.ndim == 4 and values.shape[-1] == 1 else values
        if classes.ndim != 3:
            raise ValueError(f"a label map is [N, H, W] or [N, H, W, 1], got {list(values.shape)}")
        return palette()[classes.astype(np.uint8)]
    if values.ndim == 5:
        count, frames, height, width, channels = values.shape
        values = values.swapaxes(1, 2).reshape(count, height, frames * width, channels)
    if values.ndim != 4 or values.shape[-1] not in (1, 3) or not (whole or np.issubdtype(values.dtype, np.floating)):
        raise ValueError(f"pictures have 1 or 3 channels, uint8 or float, got {values.dtype} {list(values.shape)}")
    if not whole:
        values = np.clip(np.rint((values.astype(np.float32) + 1) * 127.5), 0, 255).astype(np.uint8)
    return np.repeat(values, 3, axis=-1) if values.shape[-1] == 1 else values


def panels(samples: Mapping[str, np.ndarray], keys: Sequence[str], *, maps: Collection[str] = ()) -> np.ndarray:
    """A row of pictures for each example: uint8 [N, h, w, 3].

    Args:
      samples: name -> [N, ...], as for :func:`as_pictures`.
      keys: which of them, from left to right; lower pictures are enlarged to the highest one's height, by nearest
        neighbour.
      maps: those whose uint8 values are classes.

    Raises:
      UserError: on a key that there is not, or whose values are no pictures.
    """
    unknown = [key for key in keys if key not in samples]
    if unknown or not keys:
        raise UserError(f"no panel {unknown[0] if keys else ''!r}; there are {', '.join(sorted(samples))}")
    pictures = []
    for key in keys:
        try:
            pictures.append(as_pictures(np.asarray(samples[key]), is_map=key in maps))
        except ValueError as error:
            raise UserError(f"panel {key!r}: {error}") from error
    height = max(x.shape[1] for x in pictures)
    white = np.full((len(pictures[0]), height, GAP, 3), 255, np.uint8)
    row: list[np.ndarray] = []
    for picture in pictures:
        row += [_to_height(picture, height), white]
    return np.concatenate(row[:-1], axis=2)


def panel_grid(rows: np.ndarray) -> np.ndarray:
    """Rows [N, h, w, C] below each other with white between: uint8 [H, w, C]."""
    framed = np.full((rows.shape[0], rows.shape[1] + GAP, *rows.shape[2:]), 255, np.uint8)
    framed[:, : rows.shape[1]] = rows
    return framed.reshape(-1, *rows.shape[2:])[:-GAP]


def label_maps(source: Source) -> list[str]:
    """The fields of a source whose values are classes of pixels."""
    return [name for name, field in source.fields.items() if field.kind == "map"]


def sample_panels(
    method: Method,
    nets: dict[str, Variables],
    inputs: SampleInputs,
    keys: Sequence[str] | None = None,
    *,
    target: Callable[[np.ndarray], np.ndarray] | None = None,
    maps: Collection[str] = (),
    **options: Any,
) -> np.ndarray:
    """A row of pictures for each input, of its conditions and of what is drawn for it: uint8 [N, h, w, 3].

    Args:
      method, nets, inputs: as for :func:`jaxgan.evaluation.sampling.sample_batches`.
      keys: conditions, keys of the method's samples, and 'target'; where None, the conditions that are pictures,
        'image' and, where there is one, 'target'. Names as :func:`inputs_and_outputs` gives them.
      target: indices int [N] -> the true pictures [N, ...], as 'target'.
      maps: conditions or keys whose uint8 values are classes.
      options: of :func:`jaxgan.evaluation.sampling.sample_batches`.

    Raises:
      UserError: as :func:`panels`.
    """
    everything = np.arange(inputs.length)
    conditions = inputs.rows(everything)
    drawn = sample_images(method, nets, inputs, key=None, **options)
    samples = inputs_and_outputs({name: x for name, x in conditions.items() if isinstance(x, np.ndarray)}, drawn)
    if target is not None:
        samples["target"] = target(everything)
    if keys is None:
        keys = [_input(name, drawn) for name in method.conditions if np.ndim(conditions[name]) >= 3]
        keys += ["image"] + ["target"] * (target is not None)
    return panels(samples, keys, maps=maps)


def inputs_and_outputs(conditions: Mapping[str, Any], drawn: Mapping[str, Any]) -> dict[str, Any]:
    """Conditions and what was drawn for them by name; where both have a name, such as 'image' of image-to-image
    translation, the condition's is 'input_image'.
    """
    return {_input(name, drawn): value for name, value in conditions.items()} | dict(drawn)


def _input(name: str, drawn: Mapping[str, Any]) -> str:
    return f"input_{name}" if name in drawn else name


def _to_height(pictures: np.ndarray, height: int) -> np.ndarray:
    old_height, old_width = pictures.shape[1:3]
    if old_height == height:
        return pictures
    width = round(old_width * height / old_height)
    return pictures[:, np.arange(height) * old_height // height][:, :, np.arange(width) * old_width // width]
