"""Scores of label maps: pixel accuracy, class accuracy, mean intersection over union (Long et al. 2014,
arXiv:1411.4038, section 5).
"""

import numpy as np


def confusion(predicted: np.ndarray, true: np.ndarray, classes: int, *, ignore: int | None = None) -> np.ndarray:
    """Counts of pixels by their true class (rows) and the predicted one (columns).

    Args:
      predicted, true: ids of one shape; those outside [0, classes) among ``true`` are left out.
      classes: how many.
      ignore: a true class that is left out too.

    Returns:
      int64 [classes, classes].

    Raises:
      ValueError: where shapes differ, or a predicted id is no class.
    """
    if predicted.shape != true.shape:
        raise ValueError(f"label maps must have one shape, got {predicted.shape} and {true.shape}")
    if predicted.size and not 0 <= int(predicted.min()) <= int(predicted.max()) < classes:
        raise ValueError(f"predicted ids must lie in [0, {classes}), got {predicted.min()} to {predicted.max()}")
    real = true.astype(np.int64).ravel()
    known = (real >= 0) & (real < classes)
    if ignore is not None:
        known &= real != ignore
    pairs = real[known] * classes + predicted.astype(np.int64).ravel()[known]
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def segmentation_scores(counts: np.ndarray) -> dict[str, float]:
    """'pixel_accuracy', 'class_accuracy' and 'mean_iou', in [0, 1], of a :func:`confusion`.

    Classes without a true pixel are left out of the means.

    Raises:
      ValueError: where nothing was counted.
    """
    total = counts.sum()
    if not total:
        raise ValueError("no pixel has a class that counts")
    hit, true, predicted = np.diag(counts), counts.sum(1), counts.sum(0)
    there = true > 0
    union = true + predicted - hit
    return {
        "pixel_accuracy": float(hit.sum() / total),
        "class_accuracy": float((hit[there] / true[there]).mean()),
        "mean_iou": float((hit[there] / union[there]).mean()),
    }
