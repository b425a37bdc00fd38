"""Open a split of a config's data, or of another set in the same way."""

from typing import Any

from ml_collections import ConfigDict

from jaxgan.data import Source, open_dataset


def open_split(config: ConfigDict, split: str, *, name: str | None = None, data_dir: str | None = None) -> Source:
    """A split of ``config.data.name``, at the config's size.

    Args:
      config: of an experiment.
      split: 'train', 'test', ...
      name: another set, read in the same way.
      data_dir: where TFDS sets lie; the config's own where None.
    """
    data = config.data
    more: dict[str, Any] = {"fields": dict(data.fields)} if data.get("fields") else {}
    return open_dataset(
        name or data.name,
        split=split,
        data_dir=data_dir or data.data_dir,
        image_size=tuple(data.image_size),
        channels=data.channels,
        **more,
    )
