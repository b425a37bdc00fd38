"""Bicubic downscaling with antialiasing as MATLAB's ``imresize`` does it, which super-resolution's scores assume."""

import math

import numpy as np


def shrink_as_matlab(image: np.ndarray, factor: int) -> np.ndarray:
    """``imresize(image, 1 / factor)``: Keys' cubic with a = -1/2, widened by the factor, borders mirrored.

    Keys 1981, doi:10.1109/TASSP.1981.1163711. Weights are float64 and the result is rounded once, halves up, where
    implementations that keep bytes between the two axes can differ by one level.

    Args:
      image: uint8 [..., H, W, C].
      factor: at least 1; ceil(H / factor) rows are left, and columns likewise.

    Returns:
      uint8 [..., ceil(H / factor), ceil(W / factor), C].
    """
    if factor == 1:
        return image.copy()
    small = _shrink_axis(_shrink_axis(image.astype(np.float64), factor, -3), factor, -2)
    return np.clip(np.floor(small + 0.5), 0, 255).astype(np.uint8)


def _shrink_axis(values: np.ndarray, factor: int, axis: int) -> np.ndarray:
    length = values.shape[axis]
    places, weights = _taps(length, factor)
    along = np.moveaxis(values, axis, 0)
    # Tap by tap rather than by a product of matrices, whose order of summation depends on the machine's threads.
    out = sum(w.reshape(-1, *[1] * (along.ndim - 1)) * along[p] for p, w in zip(places.T, weights.T))
    return np.moveaxis(np.asarray(out), 0, axis)


def _taps(length: int, factor: int) -> tuple[np.ndarray, np.ndarray]:
    """Where each output pixel reads, int [out, taps], and with what weights, float64 [out, taps]."""
    centres = (np.arange(math.ceil(length / factor)) + 0.5) * factor - 0.5
    first = np.floor(centres - 2 * factor).astype(np.intp)
    places = first[:, None] + np.arange(4 * factor + 2)
    weights = _cubic((centres[:, None] - places) / factor)
    weights /= weights.sum(axis=1, keepdims=True)
    mirror = np.concatenate([np.arange(length), np.arange(length)[::-1]])
    return mirror[places % (2 * length)], weights


def _cubic(x: np.ndarray) -> np.ndarray:
    x = np.abs(x)
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x <= 1, near, np.where(x < 2, far, 0))
