"""Density and coverage (Naeem et al. 2020, arXiv:2002.09797, section 3)."""

import numpy as np

from jaxgan.metrics.pairwise import ball_counts, check_features, nearest_rows


def density_coverage(real: np.ndarray, fake: np.ndarray, *, k: int = 5) -> tuple[float, float]:
    """How densely generated images lie among the real ones, and how many real ones have one near.

    Around each real row lies a ball as wide as the distance to its k-th nearest other row; as in the authors' code
    (prdc) its surface does not belong to it. Density is 1 / k of the balls that hold a generated row, on average, and
    may exceed 1; coverage is the share of balls that hold at least one.

    Args:
      real: [N, D] float features.
      fake: [M, D] float features.
      k: neighbours.

    Returns:
      ``(density, coverage)``.

    Raises:
      ValueError: on wrong ranks, unequal D, values that are not finite, or k or fewer real rows.
    """
    real, fake = check_features(real=real, fake=fake)
    radii = nearest_rows(real, real, k, exclude_self=True)[0][:, -1]
    per_fake, per_real = ball_counts(fake, real, radii, closed=False)
    return float(per_fake.mean() / k), float((per_real > 0).mean())
