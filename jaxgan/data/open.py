"""From a config's ``data.name`` to a source."""

import os
from typing import Literal

from jaxgan.data.digits import digits_source
from jaxgan.data.folder import folder_source
from jaxgan.data.source import Source, load
from jaxgan.data.stacked_mnist import stacked_mnist_source
from jaxgan.data.tfds_source import tfds_source

AUTO_LOAD_BYTES = 4 * 2**30


def open_dataset(
    name: str,
    *,
    split: str = "train",
    data_dir: str | os.PathLike[str] | None = None,
    image_size: tuple[int, int] | None,
    channels: int,
    in_memory: bool | Literal["auto"] = "auto",
    image_key: str = "image",
    label_key: str | None = "label",
) -> Source:
    """Opens 'digits', 'stacked_mnist', 'folder:PATH' or 'tfds:NAME'.

    Args:
      name: one of the four forms.
      split: a split of the set; a folder has but one, which both 'train' and 'all' mean.
      data_dir: where TFDS sets lie, MNIST for 'stacked_mnist' among them.
      image_size: (height, width); None is for TFDS sets with a size of their own.
      channels: 1 (grey) or 3 (RGB); of 'stacked_mnist' 3.
      in_memory: True decodes the whole set into memory now, False leaves it where it is, 'auto' decodes sets of up to
        4 GiB: reading from memory is some ten times as fast. Of 'stacked_mnist' it is the digits that are decoded.
      image_key, label_key: the features of a TFDS set (``label_key=None``: one class).

    Raises:
      ValueError: where an argument is none of these, and as the source's own function does.
    """
    if in_memory not in ("auto", True, False):
        raise ValueError(f"in_memory must be 'auto', True or False, got {in_memory!r}")
    kind, _, rest = name.partition(":")
    if not (name in ("digits", "stacked_mnist") or (kind in ("folder", "tfds") and rest)):
        raise ValueError(f"unknown data set {name!r}; write 'digits', 'stacked_mnist', 'folder:PATH' or 'tfds:NAME'")
    if name == "stacked_mnist":
        if channels != 3:
            raise ValueError(f"stacked_mnist has a digit in each of 3 channels; set channels=3, got {channels}")
        return stacked_mnist_source(split, data_dir, image_size, in_memory=bool(in_memory))
    if kind == "tfds":
        source = tfds_source(rest, split, data_dir, image_size, channels, image_key, label_key)
    elif image_size is None:
        raise ValueError(f"{name} needs an image_size=(height, width); only 'tfds:NAME' sets can have one of their own")
    elif kind == "folder":
        if split not in ("train", "all"):
            raise ValueError(
                f"{name} has no split {split!r}, only 'train' (or 'all'), the whole folder; "
                f"keep other splits in folders of their own and name those"
            )
        source = folder_source(rest, image_size, channels)
    else:
        source = digits_source(split, image_size, channels)
    if in_memory is True or (in_memory == "auto" and source.num_bytes <= AUTO_LOAD_BYTES):
        return load(source)
    return source
