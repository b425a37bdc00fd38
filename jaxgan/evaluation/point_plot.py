"""Generated points over the density that they should have: a picture in numpy alone, so that training can draw it."""

import numpy as np

from jaxgan.data import Mixture

PAPER, SHADE, DOT = (np.array(color, np.float64) for color in ((252, 251, 248), (52, 101, 164), (222, 74, 36)))
# The shade ends in steps, so many standard deviations from a lone mode's mean. The innermost disc is where points are
# of high quality; the others show where a mode is, which would else be a few pixels wide.
LEVELS = (3.0, 6.0, 12.0)
SHADE_OPACITY = (0.5, 0.16, 0.12)
DOT_OPACITY = 0.55
# Of half the means' extent, beyond them.
MARGIN = 0.3


def density_plot(points: np.ndarray, mixture: Mixture, *, side: int = 400) -> np.ndarray:
    """Draws points as half transparent discs over the mixture's log density, which is shaded in steps.

    Args:
      points: [N, 2] float, N may be 0. Those beyond the picture are drawn on its border; those that are not finite, not
        at all.
      mixture: the truth.
      side: pixels of the square picture, at least 16.

    Returns:
      uint8 [side, side, 3], with the first coordinate to the right and the second upwards.

    Raises:
      ValueError: where points are not [N, 2] or ``side`` is too small.
    """
    if points.ndim != 2 or points.shape[1] != 2 or side < 16:
        raise ValueError(f"needs points [N, 2] and a side of 16 pixels or more, got {points.shape} and {side}")
    low, high = mixture.means.min(0), mixture.means.max(0)
    half = (high - low).max() / 2 * (1 + MARGIN)
    corner, pixel = (low + high) / 2 - half, 2 * half / side
    finite = points[np.isfinite(points).all(1)].astype(np.float64)
    columns, rows = np.clip((finite - corner) / pixel - 0.5, 0, side - 1).T
    picture = np.broadcast_to(PAPER, (side, side, 3))
    for color, opacity in ((SHADE, _shade(mixture, corner, pixel, side)), (DOT, _dots(columns, rows, side))):
        picture = picture + opacity[..., None] * (color - picture)
    return np.round(picture[::-1]).astype(np.uint8)


def _shade(mixture: Mixture, corner: np.ndarray, pixel: float, side: int) -> np.ndarray:
    """Opacity [side, side] of the density."""
    line = (np.arange(side) + 0.5) * pixel
    centres = corner + np.stack(np.meshgrid(line, line), axis=-1)
    log_density = mixture.log_density(centres.reshape(-1, 2)).reshape(side, side)
    # Log density as a distance from the mean of a lone mode, which has the highest there can be at its mean.
    peak = -np.log(2 * np.pi * mixture.std**2 * len(mixture.means))
    distance = mixture.std * np.sqrt(2 * np.maximum(peak - log_density, 0))
    # Edges are one pixel wide.
    inside = [np.clip((level * mixture.std - distance) / pixel + 0.5, 0, 1) for level in LEVELS]
    return np.sum([opacity * part for opacity, part in zip(SHADE_OPACITY, inside)], axis=0)


def _dots(columns: np.ndarray, rows: np.ndarray, side: int) -> np.ndarray:
    """Opacity [side, side] of discs around the points, given in pixels."""
    radius = max(side / 250, 0.75)
    reach = int(np.ceil(radius + 0.5))
    x, y = np.round(columns).astype(int), np.round(rows).astype(int)
    depth = np.zeros((side + 2 * reach) ** 2)
    for down in range(-reach, reach + 1):
        for right in range(-reach, reach + 1):
            inside = np.clip(radius + 0.5 - np.hypot(x + right - columns, y + down - rows), 0, 1)
            where = (y + down + reach) * (side + 2 * reach) + x + right + reach
            # Opacities multiply up; their logarithms add.
            depth += np.bincount(where, -np.log1p(-DOT_OPACITY * inside), len(depth))
    opacity = 1 - np.exp(-depth.reshape(side + 2 * reach, side + 2 * reach))
    return opacity[reach:-reach, reach:-reach]
