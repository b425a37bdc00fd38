"""Intra-class Fréchet distance (Miyato & Koyama 2018, arXiv:1802.05637, section 4.1)."""

import numpy as np

from jaxgan.metrics.frechet import frechet_of_rows, warn_if_few
from jaxgan.metrics.pairwise import check_features


def intra_class_distance(
    features: np.ndarray, labels: np.ndarray, ref_features: np.ndarray, ref_labels: np.ndarray
) -> tuple[float, np.ndarray]:
    """The Fréchet distance within each class, and its mean over classes.

    Warns (:class:`jaxgan.metrics.frechet.FewSamplesWarning`) once where the smallest class has too few rows for a
    covariance of full rank; the distances are then comparable only for equal counts per class.

    Args:
      features: [N, D] float, of generated images.
      labels: [N] int, the classes that they were drawn for, counted from 0.
      ref_features: [M, D] float, of real images.
      ref_labels: [M] int.

    Returns:
      ``(mean, per class [K] float64)``, K one more than the largest label.

    Raises:
      ValueError: on wrong shapes, values that are not finite, or a class with fewer than two rows in either set.
    """
    features, ref_features = check_features(features=features, ref_features=ref_features)
    labels = _check_labels("labels", labels, features)
    ref_labels = _check_labels("ref_labels", ref_labels, ref_features)
    num_classes = 1 + int(max(labels.max(), ref_labels.max()))
    counts, ref_counts = (np.bincount(x, minlength=num_classes) for x in (labels, ref_labels))
    few = np.flatnonzero(np.minimum(counts, ref_counts) < 2)
    if len(few):
        named = ", ".join(f"class {c} ({counts[c]} in features, {ref_counts[c]} in ref_features)" for c in few[:5])
        raise ValueError(
            f"every class needs at least 2 rows in both sets, but {len(few)} of {num_classes} have fewer: {named}"
            f"{', ...' if len(few) > 5 else ''}; draw more images or leave these classes out of both sets"
        )
    warn_if_few(int(min(counts.min(), ref_counts.min())), features.shape[1])
    per_class = [frechet_of_rows(features[labels == c], ref_features[ref_labels == c]) for c in range(num_classes)]
    return float(np.mean(per_class)), np.array(per_class)


def _check_labels(name: str, labels: np.ndarray, features: np.ndarray) -> np.ndarray:
    labels = np.asarray(labels)
    if labels.shape != features.shape[:1] or not np.issubdtype(labels.dtype, np.integer) or labels.min() < 0:
        raise ValueError(
            f"{name} must be one int per row of features {features.shape}, 0 or above, got {labels.dtype} "
            f"{labels.shape}"
        )
    return labels
