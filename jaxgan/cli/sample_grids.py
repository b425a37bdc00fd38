"""Grids of ``jaxgan sample``: ways between two draws, tables of mixed styles, and what noise alone changes."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxgan.cli.sample import whole_rows
from jaxgan.data.printable import printable
from jaxgan.training.errors import UserError

log = logging.getLogger("jaxgan")


def draw(
    grid: str, opened: Any, parsed: Any, out: Path, drawing: Mapping[str, Any], nets: Any, classes: Sequence[int]
) -> int:
    """Draws the picture that the flag ``grid`` asks for, 'interpolate', 'mix' or 'noise_grid'; the exit code."""
    from jaxgan.cli.pictures import save_png

    if out.suffix != ".png":
        raise UserError(f"--{grid} writes a grid: --out={parsed.out} must end in .png")
    rows = whole_rows(parsed.num_images, parsed.columns)
    if grid == "interpolate":
        from jaxgan.evaluation import interpolation_grid

        if parsed.interpolate == "w":
            _check_styles("--interpolate=w", opened)
        picture = interpolation_grid(
            opened.method,
            nets,
            over=parsed.interpolate,
            rows=rows,
            columns=parsed.columns,
            classes=list(classes),
            kind=parsed.interpolation,
            **{name: value for name, value in drawing.items() if name != "batch_size"},
        )
    else:
        picture = _of_styles(grid, opened, parsed, drawing, nets, rows, classes)
    save_png(out, picture)
    print(printable(str(out)))
    return 0


def _check_styles(flag: str, opened: Any) -> None:
    if opened.method.style_shape is None:
        raise UserError(
            f"{flag} is of styles, between latents and images, and {opened.config.recipe} has none: it is for "
            "stylegan, stylegan2 and mobile_stylegan"
        )


def _of_styles(
    grid: str, opened: Any, parsed: Any, drawing: Mapping[str, Any], nets: Any, rows: int, classes: Sequence[int]
) -> np.ndarray:
    from jaxgan.evaluation.style_grids import StyleImages, mixing_table, noise_grid

    _check_styles(f"--{grid}", opened)
    shape: dict[str, Any] = dict(rows=rows, columns=parsed.columns, classes=classes)
    if grid == "mix":
        layers = _layers(parsed.mix, opened.method.style_shape[0])
        return mixing_table(StyleImages(opened.method, nets, **drawing), layers, **shape)
    if drawing["options"].get("noise", "random") != "random":
        raise UserError(f"--noise_grid shows what noise changes: leave --set noise={drawing['options']['noise']} out")
    if parsed.columns < 2:
        raise UserError(f"--noise_grid has a column for the deviation: --columns={parsed.columns} must be 2 or more")
    picture, largest = noise_grid(StyleImages(opened.method, nets, **drawing), **shape)
    log.info("white is a standard deviation of %.1f levels of 255", largest)
    return picture


def _layers(text: str, count: int) -> tuple[int, int | None]:
    """Layers that ``text`` names: a part of ``MIXES``, '4' or '4-7'."""
    from jaxgan.evaluation.style_grids import MIXES

    if text in MIXES:
        layers = MIXES[text]
    else:
        first, dash, last = text.partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise UserError(f"--mix={text}: give {', '.join(MIXES)}, or layers such as 4-7")
        layers = int(first), int(last if dash else first) + 1
    if not layers[0] < (count if layers[1] is None else layers[1]) <= count:
        meant = f"layers {layers[0]} on" if layers[1] is None else f"layers {layers[0]} to {layers[1] - 1}"
        raise UserError(f"--mix={text} is {meant}: this run's images have {count} styles, layers 0 to {count - 1}")
    return layers
