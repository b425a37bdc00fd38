"""Mode coverage: modes hit and their balance, as counted on Stacked MNIST.

VEEGAN (Srivastava et al. 2017, arXiv:1705.07761, section 4.1) and PacGAN (Lin et al. 2018, arXiv:1712.04086, section
4.1) draw 26,000 images, classify each of the three digits, and count which of the 1000 triples occur.
"""

import numpy as np


def mode_coverage(predicted: np.ndarray, num_classes: int) -> tuple[int, float]:
    """How many classes occur among generated images, and how far their shares are from equal.

    Args:
      predicted: [N] int, a classifier's labels of generated images, within [0, num_classes).
      num_classes: modes, equally frequent in the data.

    Returns:
      ``(hit, kl)``: classes with at least one image; KL(predicted || uniform) in nats, from 0 to log(num_classes).

    Raises:
      ValueError: on a wrong rank or dtype, no label at all, or a label outside the range.
    """
    labels = np.asarray(predicted)
    if labels.ndim != 1 or not len(labels) or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"predicted must be labels [N] of int with N at least 1, got {labels.dtype} {labels.shape}")
    if labels.min() < 0 or labels.max() >= num_classes:
        raise ValueError(
            f"predicted labels must lie within [0, {num_classes}), got {labels.min()} to {labels.max()}; pass the "
            "classifier's number of classes"
        )
    counts = np.bincount(labels, minlength=num_classes)
    shares = counts[counts > 0] / len(labels)
    return int((counts > 0).sum()), float(np.sum(shares * np.log(shares * num_classes)))
