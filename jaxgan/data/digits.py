"""scikit-learn's 1,797 handwritten digits: a set that every installation has, for smoke runs and tests."""

import numpy as np
from PIL import Image

from jaxgan.data.source import Source, in_memory
from jaxgan.data.transforms import to_channels

SPLITS = ("train", "test", "all")


def digits_source(split: str, image_size: tuple[int, int] = (16, 16), channels: int = 1) -> Source:
    """The 8x8 digits, resized, in memory.

    Args:
      split: 'test' is every fifth example (index % 5 == 4), 'train' the rest, 'all' both.
      image_size: (height, width); the values 0 ... 16 are stretched to 0 ... 255 and resized in float, rounding once.
      channels: 1, or 3 for the grey repeated.

    Raises:
      ValueError: for another split, size or number of channels.
    """
    if split not in SPLITS:
        raise ValueError(f"digits has no split {split!r}; choose one of {list(SPLITS)}")
    height, width = image_size
    if height < 1 or width < 1:
        raise ValueError(f"image_size must be two positive numbers (height, width), got {tuple(image_size)}")
    from sklearn.datasets import load_digits

    digits = load_digits()
    is_test = np.arange(len(digits.target)) % 5 == 4
    keep = {"train": ~is_test, "test": is_test, "all": np.ones_like(is_test)}[split]
    values = (digits.images[keep] * (255 / 16)).astype(np.float32)
    resized = [Image.fromarray(v).resize((width, height), Image.Resampling.BILINEAR) for v in values]
    grey = np.clip(np.round(np.stack([np.asarray(image) for image in resized])), 0, 255).astype(np.uint8)
    images = np.stack([to_channels(image[:, :, None], channels) for image in grey])
    return in_memory(images, digits.target[keep], name=f"digits/{split}", class_names=[str(k) for k in range(10)])
