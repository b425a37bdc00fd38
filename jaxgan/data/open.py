"""Open a data set by name ('digits', 'folder:PATH', 'pairs:DIR', 'tfds:NAME'), or a source for each domain."""

import logging
import os
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from jaxgan.data.digits import digits_source
from jaxgan.data.folder import folder_source
from jaxgan.data.image_pairs import pairs_source
from jaxgan.data.plain_images import domain_source, domain_sources, single_image_source, split_domains
from jaxgan.data.printable import printable
from jaxgan.data.source import Source, fits_in_memory, load, select, subset
from jaxgan.data.stacked_mnist import stacked_mnist_source
from jaxgan.data.tfds_source import tfds_source, tfds_splits

logger = logging.getLogger("jaxgan.data")

AUTO_LOAD_BYTES = 4 * 2**30
FORMS = "'digits', 'stacked_mnist', 'folder:PATH', 'pairs:DIR', 'domains:DIR', 'image:PATH' or 'tfds:NAME'"


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
    fields: Mapping[str, Any] | None = None,
    test_share: float = 0.0,
) -> Source:
    """Opens 'digits', 'stacked_mnist', 'folder:PATH', 'pairs:DIR', 'domains:DIR' (one domain), 'image:PATH' or
    'tfds:NAME'.

    Args:
      name: one of the forms.
      split: a split of the set; an image has but one, which both 'train' and 'all' mean, and so has a folder without
        sub-folders for splits or a share (see :func:`jaxgan.data.folder_source`). Of unpaired domains it names one,
        'testA'.
      data_dir: where TFDS sets lie, MNIST for 'stacked_mnist' among them.
      image_size: (height, width); None is for sets with a size of their own: not 'folder:PATH' and 'digits'.
      channels: of images, 1 (grey) or 3 (RGB); of 'stacked_mnist' 3.
      in_memory: True decodes the whole set into memory now, False leaves it where it is, 'auto' decodes sets of up to
        4 GiB that take no more than half of the free memory: reading from memory is some ten times as fast. Of
        'stacked_mnist' it is the digits that are decoded.
      image_key, label_key: the features of a TFDS set (``label_key=None``: one class).
      fields: any features of a TFDS set, or the sides of 'pairs:DIR', by the fields' new names: see
        :func:`jaxgan.data.tfds_source` and :func:`jaxgan.data.pairs_source`.
      test_share: of a folder the share of each class, or of pairs, that is held out as the split 'test'.

    Raises:
      ValueError: where an argument is none of these, and as the source's own function does.
    """
    _check_in_memory(in_memory)
    kind, _, rest = name.partition(":")
    if not (name in ("digits", "stacked_mnist") or (kind in ("folder", "pairs", "domains", "image", "tfds") and rest)):
        raise ValueError(f"unknown data set {name!r}; write {FORMS}")
    if fields is not None and kind not in ("tfds", "pairs"):
        raise ValueError(f"{name} has its own fields; only 'tfds:NAME' and 'pairs:DIR' sets take fields, got {fields}")
    if name == "stacked_mnist":
        if channels != 3:
            raise ValueError(f"stacked_mnist has a digit in each of 3 channels; set channels=3, got {channels}")
        return stacked_mnist_source(split, data_dir, image_size, in_memory=bool(in_memory))
    if test_share and kind not in ("folder", "pairs"):
        raise ValueError(
            f"{name} has its own splits; only 'folder:PATH' and 'pairs:DIR' take a test_share, got {test_share}"
        )
    if kind == "image" and split not in ("train", "all"):
        raise ValueError(
            f"{name} has no split {split!r}, only 'train' (or 'all'), the whole image; keep other splits in files of "
            f"their own and name those"
        )
    if kind in ("folder", "digits") and image_size is None:
        raise ValueError(
            f"{name} needs an image_size=(height, width); only 'tfds:NAME', 'pairs:DIR', 'domains:DIR' and "
            f"'image:PATH' sets can have one of their own"
        )
    if kind == "tfds":
        source = tfds_source(rest, split, data_dir, image_size, channels, image_key, label_key, fields)
    elif kind == "domains":
        source = domain_source(rest, split, image_size, channels)
    elif kind == "pairs":
        source = pairs_source(rest, split, image_size, channels, fields, test_share)
    elif kind == "image":
        source = single_image_source(rest, image_size, channels)
    else:
        assert image_size is not None
        opened = folder_source(rest, image_size, channels, split, test_share) if kind == "folder" else None
        source = opened or digits_source(split, image_size, channels)
    return _placed(source, in_memory)


def open_domains(
    name: str,
    *,
    split: str = "train",
    data_dir: str | os.PathLike[str] | None = None,
    image_size: tuple[int, int] | None,
    channels: int,
    in_memory: bool | Literal["auto"] = "auto",
    image_key: str = "image",
) -> dict[str, Source]:
    """Opens unpaired domains, 'domains:DIR' or 'tfds:NAME', as {'A': source, 'B': source} with the field 'image' each.

    Args:
      name: a folder with sub-folders trainA, trainB, testA, testB, or a TFDS set with such splits (as those of its
        'cycle_gan').
      split: 'train' or 'test'.
      data_dir, image_size, channels, in_memory, image_key: as in :func:`open_dataset`.

    Raises:
      ValueError: where the name is of another form, there are no two domains of the split, or one is empty.
    """
    _check_in_memory(in_memory)
    kind, _, rest = name.partition(":")
    if kind not in ("domains", "tfds") or not rest:
        raise ValueError(f"{name!r} is no set of unpaired domains; write 'domains:DIR' or 'tfds:NAME'")
    if kind == "domains":
        sources = domain_sources(rest, split, image_size, channels)
    else:
        splits = tfds_splits(rest, data_dir)
        domains = split_domains(splits, split)
        if len(domains) < 2:
            raise ValueError(f"{name} has the splits {splits}; the split {split!r} needs {split}A and {split}B")
        sources = {
            domain: tfds_source(rest, part, data_dir, image_size, channels, fields={"image": image_key})
            for domain, part in domains.items()
        }
    return {domain: _placed(source, in_memory) for domain, source in sources.items()}


def class_domains(source: Source, classes: Mapping[str, str]) -> dict[str, Source]:
    """Classes of a labelled set as unpaired domains, with the field 'image' each.

    Args:
      source: a set with names of classes.
      classes: domain -> the name of its class: {'A': 'daisy', 'B': 'sunflowers'}.

    Raises:
      ValueError: where the set has no labels, or no such class, naming those that it has.
    """
    if "label" not in source.fields:
        raise ValueError(f"{source.name} has no classes that could be domains")
    for name in classes.values():
        if name not in source.class_names:
            raise ValueError(f"{source.name} has no class {name!r}; choose from {', '.join(source.class_names)}")
    everything = np.arange(source.length)
    labels = source.labels(everything) if source.labels is not None else source.fetch(everything)["label"]
    pictures = select(source, image="image")
    return {
        domain: subset(pictures, np.flatnonzero(labels == source.class_names.index(name)), f"{source.name}[{name}]")
        for domain, name in classes.items()
    }


def _check_in_memory(given: bool | Literal["auto"]) -> None:
    if given not in ("auto", True, False):
        raise ValueError(f"in_memory must be 'auto', True or False, got {given!r}")


def _placed(source: Source, in_memory: bool | Literal["auto"]) -> Source:
    if in_memory is True:
        return load(source)
    if in_memory is False or source.num_bytes > AUTO_LOAD_BYTES:
        return source
    if source.in_memory or fits_in_memory(source):
        return load(source)
    size = f"{source.num_bytes / 1e9:.1f} GB"
    logger.info("%s stays on disk: its %s are more than half of the free memory", printable(source.name), size)
    return source
