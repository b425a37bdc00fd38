"""Read arrays from an .npz file, with one kind of error for all that can be wrong with it."""

import os
import zipfile
import zlib
from collections.abc import Collection
from pathlib import Path

import numpy as np


def read_npz(path: str | os.PathLike[str], names: Collection[str] | None = None) -> dict[str, np.ndarray]:
    """The arrays of an .npz, or those of ``names`` that it has; nothing in it is executed.

    Raises:
      ValueError: where there is no such file, it is no .npz, it is damaged, or it holds Python objects.
    """
    try:
        # Opened here, since numpy leaves a file that it cannot read open.
        with open(Path(path).expanduser(), "rb") as raw:
            if not zipfile.is_zipfile(raw):
                raise ValueError("it is no .npz, or is truncated")
            raw.seek(0)
            with np.load(raw, allow_pickle=False) as file:
                return {name: file[name] for name in file.files if names is None or name in names}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"cannot read {path}: {error}") from error


def npz_names(path: str | os.PathLike[str]) -> list[str]:
    """The names of an .npz's arrays, without reading them; none of what is no .npz."""
    place = Path(path).expanduser()
    if not zipfile.is_zipfile(place):
        return []
    with zipfile.ZipFile(place) as archive:
        return [name.removesuffix(".npy") for name in archive.namelist()]
