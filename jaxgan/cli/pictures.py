"""Writing pictures to files."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np


def save_png(path: Path, image: np.ndarray) -> None:
    """Writes uint8 [H, W, 1 or 3] as a PNG, in a folder that is made where it is missing."""
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(path)


def save_folder(out: Path, images: Iterable[np.ndarray], *, names: Sequence[str]) -> None:
    """Writes each image as ``out``/<name>.png; a name may lie in sub-folders."""
    for name, image in zip(names, images):
        save_png(out / f"{name}.png", image)
