"""Scores of points in the plane against a mixture of Gaussians that is known: modes, their balance, and the density.

A mixture is its ``means`` [K, 2] and one ``std``, each mode equally likely.
"""

import numpy as np
from scipy.special import ndtr, rel_entr

from jaxgan.metrics.mode_coverage import mode_coverage

# Of the binned box beyond the outermost means.
MARGIN_STDS = 6.0


def mode_scores(points: np.ndarray, means: np.ndarray, std: float, *, radius: float = 3.0) -> tuple[int, float]:
    """How many modes are hit, and the share of points that lie near one.

    VEEGAN (Srivastava et al. 2017, arXiv:1705.07761, section 4), and the same in PacGAN (Lin et al. 2018,
    arXiv:1712.04086, section 4): a point is of high quality where it lies within three standard deviations of the
    nearest mode, and a mode is hit where it is the nearest of a point of high quality. They draw 2,500 points. Of the
    mixture's own points a share of 1 - exp(-radius^2 / 2) has high quality: 0.989.

    Args:
      points: [N, 2] float; one that is not finite is near no mode.
      means: [K, 2].
      std: of each mode.
      radius: in standard deviations.

    Returns:
      ``(modes, high_quality)``: from 0 to K, and from 0 to 1.

    Raises:
      ValueError: where shapes differ from the above or there is no point.
    """
    index, distance = _nearest(points, means)
    near = distance <= radius * std
    return len(np.unique(index[near])), float(near.mean())


def mode_kl(points: np.ndarray, means: np.ndarray) -> float:
    """KL(shares of the points nearest to each mode || equal shares) in nats, from 0 to log K.

    The reverse KL over modes of PacGAN (arXiv:1712.04086, table 1). Here every point counts, also those of low quality;
    the released code writes a Jensen-Shannon divergence instead, of the points of high quality alone.

    Args:
      points: [N, 2] float, finite.
      means: [K, 2].

    Raises:
      ValueError: where shapes differ from the above, there is no point, or one is not finite.
    """
    index, distance = _nearest(points, means)
    if not np.isfinite(distance).all():
        raise ValueError("points must be finite to have a nearest mode, got NaN or infinity")
    return mode_coverage(index, len(means))[1]


def cell_masses(means: np.ndarray, std: float, edges: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """The mixture's mass in each cell between ``edges`` of x and of y, exact: [len(x) - 1, len(y) - 1] float64."""
    x, y = (np.diff(ndtr((edges[axis] - means[:, axis, None]) / std), axis=1) for axis in (0, 1))
    return np.einsum("ki,kj->ij", x, y) / len(means)


def js_divergence(points: np.ndarray, means: np.ndarray, std: float, *, bins: int = 50) -> float:
    """The Jensen-Shannon divergence between points and mixture over cells, in nats, from 0 to log 2.

    The box of the means, six standard deviations wider, is cut into ``bins`` x ``bins`` cells, and all that lies
    outside is one more. The mixture's masses are exact (differences of the normal distribution function); those of the
    points are counts, so that few points bias it upwards: compare equal numbers. It is blind to what happens within a
    cell.

    Args:
      points: [N, 2] float, one that is not finite lies outside.
      means: [K, 2].
      std: of each mode.
      bins: cells along each axis.

    Raises:
      ValueError: where shapes differ from the above, there is no point, or ``bins`` is below 1.
    """
    _check(points, means)
    if bins < 1:
        raise ValueError(f"bins must be at least 1, got {bins}")
    low, high = means.min(0) - MARGIN_STDS * std, means.max(0) + MARGIN_STDS * std
    x, y = (np.linspace(low[axis], high[axis], bins + 1) for axis in (0, 1))
    finite = points[np.isfinite(points).all(1)].astype(np.float64)
    counted = np.histogram2d(finite[:, 0], finite[:, 1], bins=(x, y))[0] / len(points)
    p, q = (np.append(cells, max(1 - cells.sum(), 0.0)) for cells in (cell_masses(means, std, (x, y)), counted))
    mean = (p + q) / 2
    return float((rel_entr(p, mean).sum() + rel_entr(q, mean).sum()) / 2)


def _check(points: np.ndarray, means: np.ndarray) -> None:
    if points.ndim != 2 or points.shape[1] != 2 or not len(points) or means.ndim != 2 or means.shape[1] != 2:
        raise ValueError(f"needs points [N, 2] with N above 0 and means [K, 2], got {points.shape} and {means.shape}")


def _nearest(points: np.ndarray, means: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """([N] which mode is nearest, [N] float64 how far it is)."""
    _check(points, means)
    squares = ((points[:, None].astype(np.float64) - means) ** 2).sum(-1)
    return squares.argmin(1), np.sqrt(squares.min(1))
