"""A study's last samples, a tile a variant: what the table's numbers look like."""

from collections.abc import Sequence

import numpy as np
from etils import epath
from PIL import Image, ImageDraw

from jaxgan.tools.studies.grid import run_folder
from jaxgan.tools.studies.results import FINISHED, Result
from jaxgan.tools.studies.study import Study

COLUMNS = 5
_TITLE_PIXELS = 14
_GAP_PIXELS = 6


def newest_samples(workdir: epath.PathLike, variant: str, seed: int) -> epath.Path | None:
    """The last picture of samples that a run left, or None."""
    folder = run_folder(workdir, (variant, seed)) / "samples"
    steps = (
        [int(p.stem) for p in folder.glob("*.png") if p.stem.isascii() and p.stem.isdecimal()]
        if folder.exists()
        else []
    )
    return folder / f"{max(steps)}.png" if steps else None


def gallery(study: Study, workdir: epath.PathLike, results: Sequence[Result]) -> np.ndarray | None:
    """The newest picture of each variant's first finished seed under the variant's name, in the study's order.

    Returns:
      uint8 [H, W, 3], ``COLUMNS`` tiles a row; None where no variant has a picture.
    """
    tiles = {}
    for variant in study.variants:
        finished = [r.seed for r in results if r.variant == variant and r.status == FINISHED]
        seed = next((s for s in study.seeds if s in finished), None)
        path = None if seed is None else newest_samples(workdir, variant, seed)
        if path is not None:
            with path.open("rb") as file, Image.open(file) as picture:
                tiles[study.labels.get(variant, variant)] = picture.convert("RGB")
    if not tiles:
        return None
    width = max(tile.width for tile in tiles.values()) + _GAP_PIXELS
    height = max(tile.height for tile in tiles.values()) + _GAP_PIXELS + _TITLE_PIXELS
    across = min(COLUMNS, len(tiles))
    whole = Image.new("RGB", (across * width, -(-len(tiles) // across) * height), "white")
    draw = ImageDraw.Draw(whole)
    for number, (title, tile) in enumerate(tiles.items()):
        left, top = number % across * width, number // across * height
        draw.text((left + 2, top + 1), title, fill="black")
        whole.paste(tile, (left, top + _TITLE_PIXELS))
    return np.asarray(whole)
