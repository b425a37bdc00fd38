"""Flip, random crop, resize, jitter and random rescale of an example's images and label maps, by one draw for all.

Pictures of an example may differ in size by whole factors, as a photo and its copy at a quarter of the resolution:
sizes are those of the largest, and what happens to it happens to the others at their scale.
"""

import dataclasses
import math
from collections.abc import Mapping

import numpy as np

from jaxgan.data.fields import Example, Field, Fields
from jaxgan.data.keys import Key
from jaxgan.data.transforms import METHODS, Box, Method, resize_ids, resize_image


@dataclasses.dataclass(frozen=True)
class Flip:
    """Mirrors left and right, half of the time. The coins are those of :func:`jaxgan.data.flip_mask`, so that two flips
    in one chain undo each other.
    """

    def fields_after(self, fields: Fields) -> dict[str, Field]:
        """The same."""
        return dict(fields)

    def __call__(self, fields: Fields, example: Example, key: Key) -> Example:
        """Mirrors every picture, or none."""
        if not key.coin():
            return example
        return {
            name: np.flip(value, axis=fields[name].height_axis + 1) if fields[name].is_picture else value
            for name, value in example.items()
        }


@dataclasses.dataclass(frozen=True)
class RandomCrop:
    """Cuts out a box at a uniformly random place.

    Attributes:
      size: (height, width) of the box in the largest picture.
    """

    size: tuple[int, int]

    def __post_init__(self) -> None:
        _check_size("random_crop", self.size)

    def fields_after(self, fields: Fields) -> dict[str, Field]:
        """Pictures at the new size.

        Raises:
          ValueError: where the box is larger than the picture, or no whole number of a smaller picture's pixels.
        """
        largest, factors = _factors(fields, "random_crop")
        if self.size[0] > largest[0] or self.size[1] > largest[1]:
            raise ValueError(f"random_crop to {_show(self.size)} of a picture of {_show(largest)}; resize it first")
        return _resized(fields, factors, self.size, "random_crop")

    def __call__(self, fields: Fields, example: Example, key: Key) -> Example:
        """The same box of every picture."""
        largest, factors = _factors(fields, "random_crop")
        # On the grid of the coarsest picture, so that all boxes are whole pixels.
        grid = math.lcm(*factors.values())
        corner = [
            int(u * ((length - box) // grid + 1)) * grid for u, length, box in zip(key.uniform(2), largest, self.size)
        ]
        return {
            name: _cut(
                value, fields[name], [c // factors[name] for c in corner], [s // factors[name] for s in self.size]
            )
            if name in factors
            else value
            for name, value in example.items()
        }


@dataclasses.dataclass(frozen=True)
class Resize:
    """Resizes every picture, images with antialiasing and maps by nearest neighbour; the aspect ratio may change.

    Attributes:
      size: (height, width) of the largest picture.
      method: 'bicubic' or 'bilinear', for images.
    """

    size: tuple[int, int]
    method: Method = "bicubic"

    def __post_init__(self) -> None:
        _check_size("resize", self.size)
        _check_method("resize", self.method)

    def fields_after(self, fields: Fields) -> dict[str, Field]:
        """Pictures at the new size."""
        return _resized(fields, _factors(fields, "resize")[1], self.size, "resize")

    def __call__(self, fields: Fields, example: Example, key: Key) -> Example:
        """Every picture at the new size; ``key`` is not used."""
        after = self.fields_after(fields)
        return {name: _resize(value, fields[name], after[name], self.method, None) for name, value in example.items()}


@dataclasses.dataclass(frozen=True)
class Jitter:
    """Resizes, then cuts out a box at a random place: pix2pix's (arXiv:1611.07004, section 6.2) is 286, then 256.

    Attributes:
      resize: (height, width) before the crop.
      size: (height, width) of the crop.
      factor: instead of both: pictures of any size are enlarged by it, rounded, and cropped to the size that they had;
        286 / 256 is the paper's at every size.
      method: 'bicubic' or 'bilinear', for images.
    """

    resize: tuple[int, int] | None = None
    size: tuple[int, int] | None = None
    factor: float | None = None
    method: Method = "bicubic"

    def __post_init__(self) -> None:
        if (self.factor is None) != (self.resize is not None and self.size is not None) or (
            self.factor is not None and (self.resize is not None or self.size is not None)
        ):
            raise ValueError(
                f"jitter takes a factor, or resize and size: got factor={self.factor}, resize={self.resize} and "
                f"size={self.size}"
            )
        if self.factor is not None and not 1 <= self.factor < 16:
            raise ValueError(f"jitter enlarges: give a factor from 1 and below 16, got {self.factor}")
        for size in (self.resize, self.size):
            if size is not None:
                _check_size("jitter", size)
        _check_method("jitter", self.method)

    def fields_after(self, fields: Fields) -> dict[str, Field]:
        """Pictures at ``size``, or of the size that they had."""
        resize, crop = self._parts(fields)
        return crop.fields_after(resize.fields_after(fields))

    def __call__(self, fields: Fields, example: Example, key: Key) -> Example:
        """The same box of every picture, after the resize."""
        resize, crop = self._parts(fields)
        return crop(resize.fields_after(fields), resize(fields, example, key), key)

    def _parts(self, fields: Fields) -> tuple["Resize", "RandomCrop"]:
        if self.resize is not None and self.size is not None:
            return Resize(self.resize, self.method), RandomCrop(self.size)
        largest, factors = _factors(fields, "jitter")
        grid = math.lcm(*factors.values())
        height, width = (round(side * (self.factor or 1.0) / grid) * grid for side in largest)
        return Resize((height, width), self.method), RandomCrop(largest)


@dataclasses.dataclass(frozen=True)
class Rescale:
    """Scales by a random factor, then cuts out a box of a fixed size at a random place.

    The factor is uniform in its logarithm. Both are done at once: the box of ``size / factor`` is resized to ``size``.

    Attributes:
      low, high: bounds of the factor; 1 keeps a pixel's size.
      size: (height, width) of the result, in the largest picture.
      method: 'bicubic' or 'bilinear', for images.
    """

    low: float
    high: float
    size: tuple[int, int]
    method: Method = "bicubic"

    def __post_init__(self) -> None:
        _check_size("rescale", self.size)
        _check_method("rescale", self.method)
        if not 0 < self.low <= self.high:
            raise ValueError(f"rescale needs 0 < low <= high, got {self.low} and {self.high}")

    def fields_after(self, fields: Fields) -> dict[str, Field]:
        """Pictures at ``size``.

        Raises:
          ValueError: where the picture, scaled by ``low``, is smaller than ``size``.
        """
        largest, factors = _factors(fields, "rescale")
        if any(length * self.low < box for length, box in zip(largest, self.size)):
            least = max(box / length for length, box in zip(largest, self.size))
            raise ValueError(
                f"rescale by {self.low:g} makes {_show(largest)} smaller than {_show(self.size)}; low must be at least "
                f"{least:.4g}"
            )
        return _resized(fields, factors, self.size, "rescale")

    def __call__(self, fields: Fields, example: Example, key: Key) -> Example:
        """The same box of every picture, scaled."""
        largest, factors = _factors(fields, "rescale")
        u = key.uniform(3)
        scale = self.low * (self.high / self.low) ** u[0]
        extent = [min(s / scale, float(length)) for s, length in zip(self.size, largest)]
        corner = [v * (length - e) for v, length, e in zip(u[1:], largest, extent)]
        after = self.fields_after(fields)
        boxes = {name: tuple(n / factor for n in (*corner, *extent)) for name, factor in factors.items()}
        return {
            name: _resize(value, fields[name], after[name], self.method, boxes.get(name))  # type: ignore[arg-type]
            for name, value in example.items()
        }


def _factors(fields: Fields, name: str) -> tuple[tuple[int, int], dict[str, int]]:
    """The largest picture's size, and by how many times each is smaller."""
    sizes = {key: field.size for key, field in fields.items() if field.is_picture}
    if not sizes:
        raise ValueError(f"{name} needs an image or a map; the fields are {list(fields)}")
    largest = max(sizes.values())
    factors = {key: largest[0] // size[0] for key, size in sizes.items()}
    for key, size in sizes.items():
        if (size[0] * factors[key], size[1] * factors[key]) != largest:
            raise ValueError(
                f"{name} needs pictures of one size, or smaller by whole factors; {key!r} is {_show(size)}, the "
                f"largest {_show(largest)}"
            )
    return largest, factors


def _resized(fields: Fields, factors: Mapping[str, int], size: tuple[int, int], name: str) -> dict[str, Field]:
    for key, factor in factors.items():
        if size[0] % factor or size[1] % factor:
            raise ValueError(f"{name} to {_show(size)}: {key!r} is {factor} times smaller, which must divide the size")
    return {
        key: field.with_size((size[0] // factors[key], size[1] // factors[key])) if key in factors else field
        for key, field in fields.items()
    }


def _resize(value: np.ndarray, before: Field, after: Field, method: Method, box: Box | None) -> np.ndarray:
    if not before.is_picture or (box is None and before.size == after.size):
        return value
    if before.kind == "map":
        return resize_ids(value, after.size, box, before.height_axis)
    return resize_image(value, after.size, method, box)


def _cut(value: np.ndarray, field: Field, corner: list[int], size: list[int]) -> np.ndarray:
    rows, columns = (slice(start, start + length) for start, length in zip(corner, size))
    return value[rows, columns] if field.height_axis == -value.ndim else value[:, rows, columns]


def _check_size(name: str, size: tuple[int, int]) -> None:
    if len(size) != 2 or min(size) < 1:
        raise ValueError(f"{name} needs a size of two positive numbers (height, width), got {size}")


def _check_method(name: str, method: str) -> None:
    if method not in METHODS:
        raise ValueError(f"{name}: method must be one of {list(METHODS)}, got {method!r}")


def _show(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
