"""Mode collapse metrics: classes hit, and the spread within each class."""

import numpy as np


def classes_hit(predicted: np.ndarray, intended: np.ndarray, num_classes: int) -> tuple[int, float]:
    """How many classes a conditional generator draws, in the eyes of a classifier trained on real images.

    Args:
      predicted: [N] int, the classifier's labels of generated images.
      intended: [N] int, the labels they were drawn for.
      num_classes: classes.

    Returns:
      ``(hit, agreement)``: the classes for which most images drawn are so classified; and the share of all images that
      agree.
    """
    if predicted.shape != intended.shape:
        raise ValueError(f"labels must agree in shape, got predicted {predicted.shape} and intended {intended.shape}")
    right = predicted == intended
    hit = sum(bool(right[intended == c].mean() > 0.5) for c in range(num_classes) if (intended == c).any())
    return hit, float(right.mean())


def class_spread(images: np.ndarray, labels: np.ndarray, num_classes: int) -> np.ndarray:
    """The root mean squared distance of each class's images from their mean, per pixel: 0 where all are one.

    Args:
      images: [N, H, W, C] uint8 or float.
      labels: [N] int.
      num_classes: classes.

    Returns:
      [num_classes] float64, in the images' units; NaN for a class without images.
    """
    flat = images.reshape(len(images), -1).astype(np.float64)
    spread = np.full(num_classes, np.nan)
    for c in range(num_classes):
        rows = flat[labels == c]
        if len(rows):
            spread[c] = np.sqrt(rows.var(0).mean())
    return spread


def relative_spread(drawn: np.ndarray, real: np.ndarray) -> np.ndarray:
    """The spread of each class over that of real images of it.

    Args:
      drawn, real: float [num_classes], of :func:`class_spread`.

    Returns:
      float64 [num_classes]; NaN for a class without images, or whose real images are all one, as a single image is.
    """
    return np.divide(drawn, real, out=np.full(len(real), np.nan), where=real > 0)
