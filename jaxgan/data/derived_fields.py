"""Degrade, grey, edges, levels and colours: fields made from a picture on its way in, as the input or the target of a
network.
"""

import dataclasses
from typing import Literal

import numpy as np

from jaxgan.data.bicubic import shrink_as_matlab
from jaxgan.data.canny import canny
from jaxgan.data.fields import Example, Field, Fields
from jaxgan.data.keys import Key
from jaxgan.data.palette import palette
from jaxgan.data.transforms import resize_image, to_channels

KERNELS = ("matlab", "pillow")


@dataclasses.dataclass(frozen=True)
class Degrade:
    """Adds a copy of an image at a fraction of its resolution, by bicubic interpolation with antialiasing.

    Super-resolution's low-resolution inputs (SRGAN, arXiv:1609.04802, section 3.2). Both kernels are Keys' cubic with
    a = -1/2, widened by the factor; they differ at the borders and by rounding. Crop before, so that both are cropped
    and the borders are the crop's, or after, on a grid of the factor.

    Attributes:
      factor: how many times smaller; it must divide height and width.
      field: the image.
      output: the new field.
      kernel: 'matlab' (``imresize``: mirrored borders, rounded once) or 'pillow' (``BICUBIC``: weights cut off at the
        borders, rounded after each axis).
    """

    factor: int
    field: str = "image"
    output: str = "low"
    kernel: Literal["matlab", "pillow"] = "matlab"

    def __post_init__(self) -> None:
        if self.factor < 1:
            raise ValueError(f"degrade needs a factor of at least 1, got {self.factor}")
        if self.kernel not in KERNELS:
            raise ValueError(f"degrade: kernel must be one of {list(KERNELS)}, got {self.kernel!r}")

    def fields_after(self, fields: Fields) -> dict[str, Field]:
        """The fields and the new one.

        Raises:
          ValueError: where there is no such image, the new name is taken, or the factor does not divide the size.
        """
        image = _image(fields, "degrade", self.field, self.output)
        height, width = image.size
        if height % self.factor or width % self.factor:
            raise ValueError(
                f"degrade: a factor of {self.factor} does not divide {height}x{width}; crop or resize first"
            )
        return {**fields, self.output: image.with_size((height // self.factor, width // self.factor))}

    def __call__(self, fields: Fields, example: Example, key: Key) -> Example:
        """The example and its small copy; ``key`` is not used."""
        image, size = example[self.field], self.fields_after(fields)[self.output].size
        small = (
            shrink_as_matlab(image, self.factor) if self.kernel == "matlab" else resize_image(image, size, "bicubic")
        )
        return {**example, self.output: small}


@dataclasses.dataclass(frozen=True)
class Grey:
    """Adds an image's luma (ITU-R 601-2, as Pillow's 'L'), [H, W, 1]: the input of colourisation.

    Attributes:
      field: the image, of 3 channels.
      output: the new field.
    """

    field: str = "image"
    output: str = "grey"

    def fields_after(self, fields: Fields) -> dict[str, Field]:
        """The fields and the new one; ValueError where there is no such image, or the new name is taken."""
        image = _image(fields, "grey", self.field, self.output)
        if image.shape[-1] != 3:
            raise ValueError(f"grey needs an image of 3 channels, {self.field!r} is {list(image.shape)}")
        return {**fields, self.output: dataclasses.replace(image, shape=(*image.shape[:-1], 1))}

    def __call__(self, fields: Fields, example: Example, key: Key) -> Example:
        """The example and its grey copy; ``key`` is not used."""
        return {**example, self.output: _luma(example[self.field])}


@dataclasses.dataclass(frozen=True)
class Edges:
    """Adds an image's edges by Canny's detector, uint8 0 or 255, [H, W, 1]: the input of edges to photos.

    It stands in for the learned edges (HED) of pix2pix's edges2shoes, which it does not equal.

    Attributes:
      field: the image.
      output: the new field.
      sigma: standard deviation of the smoothing, in pixels.
      low, high: thresholds of the gradient's magnitude, in grey levels of [0, 1] a pixel: an edge is what exceeds
        ``low`` and hangs together with what exceeds ``high``.
    """

    field: str = "image"
    output: str = "edges"
    sigma: float = 1.5
    low: float = 0.04
    high: float = 0.1

    def __post_init__(self) -> None:
        if not (self.sigma > 0 and 0 < self.low <= self.high):
            raise ValueError(
                f"edges needs sigma > 0 and 0 < low <= high, got sigma={self.sigma}, low={self.low}, high={self.high}"
            )

    def fields_after(self, fields: Fields) -> dict[str, Field]:
        """The fields and the new one; ValueError where there is no such image, or the new name is taken."""
        image = _image(fields, "edges", self.field, self.output)
        if image.shape[-1] not in (1, 3):
            raise ValueError(f"edges needs an image of 1 or 3 channels, {self.field!r} is {list(image.shape)}")
        return {**fields, self.output: dataclasses.replace(image, shape=(*image.shape[:-1], 1))}

    def __call__(self, fields: Fields, example: Example, key: Key) -> Example:
        """The example and its edges; ``key`` is not used."""
        grey = _luma(example[self.field]).astype(np.float64)[..., 0] / 255
        frames = grey if grey.ndim == 3 else grey[None]
        found = np.stack([canny(frame, self.sigma, self.low, self.high) for frame in frames])
        edges = np.where(found, 255, 0).astype(np.uint8)[..., None]
        return {**example, self.output: edges if grey.ndim == 3 else edges[0]}


@dataclasses.dataclass(frozen=True)
class Binarise:
    """Turns each byte to 0 or 255 by a coin that shows 255 with the probability byte / 255 (Salakhutdinov & Murray
    2008's MNIST). Among ``data.test_augment`` an example's coins are always the same: statically binarised; in training
    batches of ``data.augment`` they are thrown anew each time.

    Attributes:
      field: the image.
    """

    field: str = "image"

    def fields_after(self, fields: Fields) -> dict[str, Field]:
        """The same; ValueError where there is no such image."""
        if self.field not in fields or fields[self.field].kind != "image":
            images = [key for key, field in fields.items() if field.kind == "image"]
            raise ValueError(f"binarise needs an image {self.field!r}; the images are {images}")
        return dict(fields)

    def __call__(self, fields: Fields, example: Example, key: Key) -> Example:
        """The example with the image of 0 and 255."""
        image = example[self.field]
        coins = key.uniform(image.size).reshape(image.shape) * 255 < image
        return {**example, self.field: np.where(coins, 255, 0).astype(np.uint8)}


@dataclasses.dataclass(frozen=True)
class Levels:
    """Adds a label map of an image's brightness: which of ``classes`` equal ranges its luma lies in, uint8 [H, W, 1].

    A label map for pictures that have none, on which a network of maps can be tried.

    Attributes:
      classes: ranges, at least 2.
      field: the image.
      output: the new field.
    """

    classes: int = 3
    field: str = "image"
    output: str = "levels"

    def __post_init__(self) -> None:
        if not 2 <= self.classes <= 256:
            raise ValueError(f"levels needs 2 to 256 classes, got {self.classes}")

    def fields_after(self, fields: Fields) -> dict[str, Field]:
        """The fields and the new one; ValueError where there is no such image, or the new name is taken."""
        image = _image(fields, "levels", self.field, self.output)
        return {**fields, self.output: Field((*image.shape[:-1], 1), np.uint8, "map", self.classes)}

    def __call__(self, fields: Fields, example: Example, key: Key) -> Example:
        """The example and its levels; ``key`` is not used."""
        levels = _luma(example[self.field]).astype(np.int64) * self.classes // 256
        return {**example, self.output: levels.astype(np.uint8)}


@dataclasses.dataclass(frozen=True)
class Colours:
    """Adds a picture of a label map in the colours of :func:`jaxgan.data.palette.palette`, uint8 [H, W, 3]: the target
    of photos to labels, which pix2pix draws as pictures.

    Attributes:
      field: the map, of at most 256 classes.
      output: the new field.
    """

    field: str = "label_map"
    output: str = "colours"

    def fields_after(self, fields: Fields) -> dict[str, Field]:
        """The fields and the new one.

        Raises:
          ValueError: where there is no such map, or the new name is taken.
        """
        if self.field not in fields or fields[self.field].kind != "map":
            maps = [key for key, field in fields.items() if field.kind == "map"]
            raise ValueError(f"colours needs a map {self.field!r}; the maps are {maps}")
        if self.output in fields:
            raise ValueError(
                f"colours would make a field {self.output!r}, which there is already; choose another output"
            )
        return {**fields, self.output: Field((*fields[self.field].size, 3), np.uint8, "image")}

    def __call__(self, fields: Fields, example: Example, key: Key) -> Example:
        """The example and its colours; ``key`` is not used."""
        ids = example[self.field]
        return {**example, self.output: palette()[ids[..., 0] if ids.ndim == 3 else ids]}


@dataclasses.dataclass(frozen=True)
class ClassCaptions:
    """Adds captions of an example's class, UTF-8 bytes uint8 [N, length] padded with zeros, and '<output>_mask' bool
    [N, length], where there are bytes: captions for pictures that have none, on which a network of texts can be tried.

    Attributes:
      names: of the classes, one each.
      forms: of the N captions, in which {} is the name.
      length: bytes of a caption, at most.
      field: the class.
      output: the new field.
    """

    names: tuple[str, ...]
    forms: tuple[str, ...] = ("{}", "a picture of {}")
    length: int = 32
    field: str = "label"
    output: str = "captions"

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(self.names))
        object.__setattr__(self, "forms", tuple(self.forms))
        longest = max((len(text.encode()) for each in self._texts for text in each), default=0)
        if not self.names or longest > self.length:
            raise ValueError(
                f"class_captions of {len(self.names)} names are up to {longest} bytes, length={self.length}"
            )

    @property
    def _texts(self) -> list[list[str]]:
        return [[form.format(name) for form in self.forms] for name in self.names]

    def fields_after(self, fields: Fields) -> dict[str, Field]:
        """The fields and the new ones.

        Raises:
          ValueError: where there is no such class, it has more ids than names, or the new name is taken.
        """
        if self.field not in fields or fields[self.field].classes > len(self.names):
            ids = fields[self.field].classes if self.field in fields else "no"
            raise ValueError(f"class_captions has {len(self.names)} names, and {self.field!r} has {ids} classes")
        if self.output in fields:
            raise ValueError(f"class_captions would make a field {self.output!r}, which there is already")
        shape = (len(self.forms), self.length)
        made = {self.output: Field(shape, np.uint8, "value"), f"{self.output}_mask": Field(shape, np.bool_, "value")}
        return {**fields, **made}

    def __call__(self, fields: Fields, example: Example, key: Key) -> Example:
        """The example and its captions; ``key`` is not used."""
        captions = np.zeros((len(self.forms), self.length), np.uint8)
        mask = np.zeros(captions.shape, np.bool_)
        for row, text in enumerate(self._texts[int(example[self.field])]):
            raw = text.encode()
            captions[row, : len(raw)], mask[row, : len(raw)] = list(raw), True
        return {**example, self.output: captions, f"{self.output}_mask": mask}


def _luma(image: np.ndarray) -> np.ndarray:
    if image.ndim == 4:
        return np.stack([_luma(frame) for frame in image])
    return to_channels(image, 1).copy()


def _image(fields: Fields, operation: str, name: str, output: str) -> Field:
    if name not in fields or fields[name].kind != "image":
        images = [key for key, field in fields.items() if field.kind == "image"]
        raise ValueError(f"{operation} needs an image {name!r}; the images are {images}")
    if output in fields:
        raise ValueError(f"{operation} would make a field {output!r}, which there is already; choose another output")
    return fields[name]
