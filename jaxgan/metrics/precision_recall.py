"""Improved precision and recall (Kynkäänniemi et al. 2019, arXiv:1904.06991, section 2)."""

import numpy as np

from jaxgan.metrics.pairwise import ball_counts, check_features, nearest_rows


def precision_recall(real: np.ndarray, fake: np.ndarray, *, k: int = 3) -> tuple[float, float]:
    """The share of generated images within the real ones' manifold, and the other way round.

    A set's manifold is the union of balls around its rows, each as wide as the distance to the k-th nearest other row.
    As in the authors' code and torch-fidelity's ``prc``, a ball's surface belongs to it; prdc leaves it out.

    Args:
      real: [N, D] float features.
      fake: [M, D] float features. Compare only results for equal N and M: both grow with the number of balls.
      k: neighbours.

    Returns:
      ``(precision, recall)``.

    Raises:
      ValueError: on wrong ranks, unequal D, values that are not finite, or a set of k rows or fewer.
    """
    real, fake = check_features(real=real, fake=fake)
    real_radii = nearest_rows(real, real, k, exclude_self=True)[0][:, -1]
    fake_radii = nearest_rows(fake, fake, k, exclude_self=True)[0][:, -1]
    in_real, _ = ball_counts(fake, real, real_radii, closed=True)
    in_fake, _ = ball_counts(real, fake, fake_radii, closed=True)
    return float((in_real > 0).mean()), float((in_fake > 0).mean())
