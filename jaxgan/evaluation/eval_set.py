"""Evaluation sets: images to be scored, or scored against, with what a protocol stamp says of them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxgan.data.image_files import EXTENSIONS
from jaxgan.data.image_set import ImageSet
from jaxgan.evaluation.collect import Images, images_of_source
from jaxgan.evaluation.inputs import even_choice, source_labels
from jaxgan.training.errors import UserError


class EvalSet(NamedTuple):
    """A set of images, and what a stamp says of it.

    Attributes:
      images: the images.
      stamp: data, version, split, count, resolution, crop.
      chosen_from: images of the whole set, where these are a choice from one.
      class_names: of the labels, by number; None where classes have no names.
      lost: pictures of a folder that could not be read, and so are not among these; None of samples.
    """

    images: Images
    stamp: Mapping[str, Any]
    chosen_from: int | None = None
    class_names: tuple[str, ...] | None = None
    lost: tuple[str, ...] | None = None


def eval_set_of(image_set: ImageSet, num_images: int | None = None) -> EvalSet:
    """All of a set, or ``num_images`` of it: an even choice that is the same each time, in the set's order.

    Raises:
      UserError: where the set has fewer.
    """
    length = image_set.source.length
    count = length if num_images is None else num_images
    if not 1 <= count <= length:
        raise UserError(f"{image_set.name} {image_set.split} has {length} images; {count} were asked for")
    indices = even_choice(length, count)
    labels = None
    if image_set.labeled:
        chosen = np.arange(length) if indices is None else indices
        labels = source_labels(image_set.source, chosen)
    stamp = {
        "data": image_set.name,
        "version": image_set.version,
        "split": image_set.split,
        "count": count,
        "resolution": list(image_set.source.image_shape),
        "crop": image_set.crop,
    }
    images = images_of_source(image_set.source, indices, labels=labels)
    source = image_set.source
    lost = tuple(name for name in source.rejected if Path(name).suffix.lower() in EXTENSIONS)
    class_names = source.class_names or None if image_set.labeled and image_set.named else None
    return EvalSet(images, stamp, None if indices is None else length, class_names, lost)
