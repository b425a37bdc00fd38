"""Canny's edge detector with numpy and scipy: smooth, gradient, thin, link."""

import numpy as np


def canny(grey: np.ndarray, sigma: float, low: float, high: float) -> np.ndarray:
    """Edges one pixel wide (Canny 1986, doi:10.1109/TPAMI.1986.4767851).

    The gradient is Sobel's of the image smoothed by a Gaussian, its direction is rounded to 45 degrees for the search
    of the maximum across the edge, and weak edges stay where they touch a strong one, corners included.

    Args:
      grey: float [H, W] in [0, 1].
      sigma: standard deviation of the Gaussian, in pixels.
      low, high: thresholds of the gradient's magnitude, in grey levels a pixel.

    Returns:
      bool [H, W].
    """
    from scipy import ndimage

    smooth = ndimage.gaussian_filter(grey, sigma, mode="nearest")
    # Sobel's kernel weighs by 8 what a slope of one level a pixel would give.
    down, right = (ndimage.sobel(smooth, axis=axis, mode="nearest") / 8 for axis in (0, 1))
    magnitude = np.hypot(down, right)
    strongest = _is_maximum(magnitude, down, right)
    weak, strong = strongest & (magnitude > low), strongest & (magnitude > high)
    parts, count = ndimage.label(weak, structure=np.ones((3, 3)))
    kept = np.zeros(count + 1, np.bool_)
    kept[parts[strong]] = True
    kept[0] = False
    return kept[parts]


def _is_maximum(magnitude: np.ndarray, down: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Where the magnitude is no smaller than one neighbour's along the gradient, and larger than the other's."""
    octant = np.round(np.arctan2(down, right) / (np.pi / 4)).astype(int) % 4
    height, width = magnitude.shape
    padded = np.pad(magnitude, 1)
    found = np.zeros(magnitude.shape, np.bool_)
    for direction, (dy, dx) in enumerate(((0, 1), (1, 1), (1, 0), (1, -1))):
        ahead = padded[1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width]
        behind = padded[1 - dy : 1 - dy + height, 1 - dx : 1 - dx + width]
        found |= (octant == direction) & (magnitude >= ahead) & (magnitude > behind)
    return found
