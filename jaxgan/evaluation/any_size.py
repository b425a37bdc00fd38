"""Pictures of any size through a network: padded by reflection to the network's stride, drawn, and cropped back."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from jaxgan.evaluation.inputs import Rows, SampleInputs, with_shared
from jaxgan.evaluation.sampling import sample_batches
from jaxgan.training.method import Method
from jaxgan.training.state import Variables


def padded_size(size: tuple[int, int], multiple: int) -> tuple[int, int]:
    """Height and width rounded up to multiples."""
    return -(-size[0] // multiple) * multiple, -(-size[1] // multiple) * multiple


def pad_by_reflection(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """[H, W, ...] -> [*size, ...], mirrored below and to the right."""
    more = [(0, size[0] - picture.shape[0]), (0, size[1] - picture.shape[1])]
    return np.pad(picture, more + [(0, 0)] * (picture.ndim - 2), mode="reflect")


def draw_any_size(
    method: Method,
    nets: dict[str, Variables],
    condition: str,
    read: Callable[[int], np.ndarray],
    sizes: Sequence[tuple[int, int]],
    *,
    shared: Mapping[str, np.ndarray] | None = None,
    **options: Any,
) -> Iterator[tuple[int, np.ndarray]]:
    """Draws 'image' for each picture, pictures of one padded size after another.

    Args:
      method: draws for one condition; where it has ``input_multiple``, heights and widths are padded to multiples of
        that.
      nets: its networks.
      condition: its condition.
      read: number -> picture [H, W, ...].
      sizes: (height, width) of each picture; of each padded size a program is compiled.
      shared: further conditions [...], the same for all pictures, such as the image whose style is taken.
      options: of :func:`jaxgan.evaluation.sampling.sample_batches`; picture i draws from its own number's key.

    Yields:
      ``(number, image)``: uint8 [h, w, C], of the picture's size times the network's scale.
    """
    multiple = getattr(method, "input_multiple", 1)
    padded = [padded_size(size, multiple) for size in sizes]
    for size in dict.fromkeys(padded):
        group = np.array([number for number, own in enumerate(padded) if own == size])

        def rows(indices: np.ndarray, size: tuple[int, int] = size) -> Rows:
            # Padding of a batch repeats pictures, and each is read once.
            own = {i: pad_by_reflection(read(int(i)), size) for i in np.unique(indices)}
            return {condition: np.stack([own[i] for i in indices])}

        inputs, first = SampleInputs(len(sizes), rows), 0
        inputs = inputs if shared is None else with_shared(inputs, shared)
        for batch in sample_batches(method, nets, inputs, indices=group, **options):
            for number, image in zip(group[first : first + len(batch)], batch):
                height, width = (side * own // whole for side, own, whole in zip(image.shape, sizes[number], size))
                yield int(number), image[:height, :width]
            first += len(batch)
