"""Colours of label maps."""

import numpy as np


def palette() -> np.ndarray:
    """Colours of label maps, uint8 [256, 3]: those of PASCAL VOC's devkit (``VOClabelcolormap.m``), where class 0 is
    black and the bits of a class go round red, green and blue from their highest bit down.
    """
    classes = np.arange(256)
    colours = np.zeros((256, 3), np.int64)
    for bit in range(8):
        for channel in range(3):
            colours[:, channel] |= ((classes >> (3 * bit + channel)) & 1) << (7 - bit)
    return colours.astype(np.uint8)


def nearest_colour(pictures: np.ndarray, classes: int) -> np.ndarray:
    """The class whose colour in :func:`palette` is nearest to each pixel's.

    Args:
      pictures: uint8 [..., 3].
      classes: those considered, from 0.

    Returns:
      uint8 [...].
    """
    apart = pictures[..., None, :].astype(np.int32) - palette()[:classes].astype(np.int32)
    return np.square(apart).sum(-1).argmin(-1).astype(np.uint8)
