"""Open a split of a config's data, or of another set in the same way."""

import os
from typing import Any

from ml_collections import ConfigDict

from jaxgan.data import Source, augmentations, augmented, class_domains, open_dataset, open_domains
from jaxgan.training.errors import UserError


def open_split(
    config: ConfigDict, split: str, *, name: str | None = None, data_dir: str | None = None, training: bool = False
) -> Source:
    """A split of ``config.data.name``, at the config's size, with the fields that ``data.test_augment`` makes.

    Args:
      config: of an experiment.
      split: 'train', 'test', ...
      name: another set, read in the same way.
      data_dir: where TFDS sets lie; the config's own where None.
      training: leave ``data.test_augment`` out: training augments its examples batch by batch.
    """
    data, where = config.data, data_dir or config.data.data_dir
    more: dict[str, Any] = {"fields": dict(data.fields)} if data.get("fields") else {}
    if data.get("in_memory") is not None:
        more["in_memory"] = data.in_memory
    if data.get("test_share") and name in (None, data.name):
        more["test_share"] = data.test_share
    source = open_dataset(
        at_home(name or data.name),
        split=split,
        data_dir=None if where is None else os.path.expanduser(where),
        image_size=tuple(data.image_size),
        channels=data.channels,
        **more,
    )
    return source if training else held_out(config, source)


def open_unpaired(config: ConfigDict, split: str | None = None) -> dict[str, Source]:
    """The unpaired domains A and B that a config trains on, or their split ``split``, with the field 'image' each:
    classes of a labelled set where ``config.domains`` names them, else the domains of ``data.name``.

    Raises:
      UserError: where there are no such domains.
    """
    data, part, classes = config.data, split or config.data.split, dict(config.domains)
    if any(classes.values()):
        try:
            return class_domains(open_split(config, part, training=True), classes)
        except ValueError as error:
            raise UserError(f"config.domains={classes}: {error}") from error
    more = {} if data.get("in_memory") is None else {"in_memory": data.in_memory}
    return open_domains(
        at_home(data.name),
        split=part,
        data_dir=None if data.data_dir is None else os.path.expanduser(data.data_dir),
        image_size=tuple(data.image_size),
        channels=data.channels,
        **more,
    )


def at_home(name: str) -> str:
    """A set's name in which '~' at the start of its path stands for home: 'folder:~/photos'."""
    kind, colon, path = name.partition(":")
    return f"{kind}{colon}{os.path.expanduser(path)}" if path.startswith("~") else name


def held_out(config: ConfigDict, source: Source) -> Source:
    """``source`` with the fields that ``data.test_augment`` makes, as sampling and scores read it."""
    chain = augmentations(config.data.get("test_augment", ()))
    return augmented(source, chain) if chain else source
