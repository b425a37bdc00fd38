"""Fréchet distance between Gaussians fitted to features (FID: Heusel et al. 2017, arXiv:1706.08500, equation 6).

|mu1 - mu2|^2 + tr(S1) + tr(S2) - 2 tr((S1 S2)^(1/2)), on Inception's pooled features for FID and on its spatial ones
for sFID (Nash et al. 2021, arXiv:2103.03841): the function is the same.

With S1 = A^T A and S2 = B^T B the last trace is the sum of the singular values of A B^T. The reference codes take
``sqrtm(S1 S2)`` or the square roots of its eigenvalues, which turn rounding of size e on the zero eigenvalues of a
singular covariance into sqrt(e); singular values keep it at e. Any factors do, such as the centred rows themselves.
"""

import warnings

import numpy as np
import scipy.linalg

from jaxgan.metrics.feature_moments import FeatureMoments, mean_covariance
from jaxgan.metrics.pairwise import check_features

# What sums of products in float64 leave of rounding, as a share of the largest mean square: a covariance's entries
# below it are noise, of either sign, such as the whole covariance of a generator that draws one image.
_NOISE = 2**10 * float(np.finfo(np.float64).eps)


class FewSamplesWarning(UserWarning):
    """Fewer samples than a covariance needs to have full rank."""


def frechet_distance(mu1: np.ndarray, sigma1: np.ndarray, mu2: np.ndarray, sigma2: np.ndarray) -> float:
    """The distance of two Gaussians, float64 on the host; seconds for 2048 features.

    What a covariance holds below 2e-13 of its features' largest mean square counts as rounding, and as 0. A collapsed
    generator's distance is so that to a point: |mu1 - mu2|^2 + tr(S2), up to D times that noise.

    Args:
      mu1, mu2: [D].
      sigma1, sigma2: [D, D], symmetric and without negative eigenvalues larger than rounding; they may be singular.

    Raises:
      ValueError: on shapes that do not fit, values that are not finite, or what is no covariance.
    """
    mu1, sigma1, mu2, sigma2 = (np.asarray(x, np.float64) for x in (mu1, sigma1, mu2, sigma2))
    shapes = [x.shape for x in (mu1, sigma1, mu2, sigma2)]
    if mu1.ndim != 1 or shapes != [mu1.shape, mu1.shape * 2] * 2:
        raise ValueError(
            f"expected mu1 [D], sigma1 [D, D], mu2 [D], sigma2 [D, D] of one D, got {shapes}; statistics of different "
            "feature networks can't be compared"
        )
    return _distance(mu1, _factor("sigma1", mu1, sigma1), mu2, _factor("sigma2", mu2, sigma2))


def frechet_of_moments(a: FeatureMoments, b: FeatureMoments) -> float:
    """:func:`frechet_distance` of the Gaussians fitted to two sets' moments.

    Warns (:class:`FewSamplesWarning`) where either set has too few rows for a covariance of full rank.
    """
    statistics = (*mean_covariance(a), *mean_covariance(b))
    warn_if_few(min(int(a.count), int(b.count)), a.total.shape[0])
    return frechet_distance(*statistics)


def frechet_of_rows(x: np.ndarray, y: np.ndarray) -> float:
    """:func:`frechet_distance` of the Gaussians fitted to x [N, D] and y [M, D], without warning.

    No [D, D] covariance is formed, so that it is far cheaper where rows are fewer than features.

    Raises:
      ValueError: on fewer than two rows, features that are not finite, or shapes that do not fit.
    """
    x, y = (s.astype(np.float64) for s in check_features(x=x, y=y))
    if min(len(x), len(y)) < 2:
        raise ValueError(f"a covariance needs at least 2 rows, got x [{len(x)}, D] and y [{len(y)}, D]")
    return _distance(x.mean(0), _centred(x), y.mean(0), _centred(y))


def warn_if_few(count: int, dim: int) -> None:
    """Warns (:class:`FewSamplesWarning`) where ``count`` rows give a singular covariance over ``dim`` features."""
    if count <= dim:
        warnings.warn(
            f"{count} samples for {dim} features: the covariance has rank at most {count - 1} and the Fréchet distance "
            f"is biased upwards; use more than {dim} samples (papers use 50,000), and compare only equal counts",
            FewSamplesWarning,
            stacklevel=3,
        )


def _distance(mu1: np.ndarray, a: np.ndarray, mu2: np.ndarray, b: np.ndarray) -> float:
    """The distance from means [D] and factors [R, D] with sigma = factor^T factor."""
    root = scipy.linalg.svdvals(a @ b.T).sum() if min(len(a), len(b)) else 0.0
    distance = np.sum((mu1 - mu2) ** 2) + np.sum(a**2) + np.sum(b**2) - 2 * root
    # Never negative except by rounding.
    return max(float(distance), 0.0)


def _factor(name: str, mu: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    """[R, D] with sigma = factor^T factor, R its numerical rank."""
    if not (np.isfinite(mu).all() and np.isfinite(sigma).all()):
        raise ValueError(f"{name} or its mean is not finite; check the features that it was computed from")
    scale, noise = np.abs(sigma).max(), _NOISE * (mu**2 + np.abs(np.diag(sigma))).max()
    allowed = max(1e-6 * scale, 8 * noise)
    if np.abs(sigma - sigma.T).max() > allowed:
        raise ValueError(f"{name} is not symmetric, so it is no covariance; give the output of mean_covariance")
    sigma = (sigma + sigma.T) / 2
    # A Cholesky factorisation with pivoting: it stops at the numerical rank, and costs a tenth of eigenvectors. Pivots
    # of no more than the noise would divide noise by itself.
    least = max(noise, len(sigma) * float(np.finfo(np.float64).eps) * np.diag(sigma).max())
    upper, pivots, rank, _ = scipy.linalg.lapack.dpstrf(sigma, tol=least)
    factor = np.empty((rank, len(sigma)))
    factor[:, pivots - 1] = np.triu(upper)[:rank]
    left = np.abs(sigma - factor.T @ factor).max()
    if left > allowed:
        raise ValueError(
            f"{name} has negative eigenvalues, so it is no covariance (its factors leave {left:.3g} unexplained); give "
            "the output of mean_covariance"
        )
    return factor


def _centred(x: np.ndarray) -> np.ndarray:
    """[min(N, D), D] with factor^T factor the covariance of x [N, D]."""
    rows = (x - x.mean(0)) / np.sqrt(len(x) - 1)
    if len(rows) <= rows.shape[1]:
        return rows
    return scipy.linalg.qr(rows, mode="r")[0][: rows.shape[1]]
