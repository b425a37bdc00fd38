"""Feature moments: count, sum and outer sum of feature vectors in float64: what a mean and a covariance are made of.

The three are plain sums, so that parts merge by addition, and batch size, order and sharding change them only in the
last bits. Accumulating them in float32 instead shifts a Fréchet distance over 50,000 images visibly; float64 inside one
jitted function leaves the rest of the program in float32.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxgan.parallel import gather, to_host


class FeatureMoments(NamedTuple):
    """Sums over rows: count [], total [D] and outer [D, D], all float64."""

    count: Array  # type: ignore[assignment]  # tuple has a method of that name
    total: Array
    outer: Array


def zero_moments(dim: int) -> FeatureMoments:
    """The moments of no row, with ``dim`` features."""
    with jax.enable_x64(True):
        f64 = jnp.float64
        return FeatureMoments(jnp.zeros((), f64), jnp.zeros((dim,), f64), jnp.zeros((dim, dim), f64))


def add_rows(moments: FeatureMoments, features: Array, weight: Array) -> FeatureMoments:
    """Adds a batch; traceable under jit, over a mesh too, where every device then holds the whole sums.

    Args:
      moments: so far.
      features: [B, D] float.
      weight: [B], 1 for a row that counts and 0 for padding, which may hold anything, NaN included.

    Raises:
      ValueError: where the shapes do not fit.
    """
    (dim,) = moments.total.shape
    if features.ndim != 2 or features.shape[1] != dim or weight.shape != features.shape[:1]:
        raise ValueError(
            f"moments of {dim} features take features [B, {dim}] and weight [B], got {features.shape} and "
            f"{weight.shape}; pool or reshape features to one row per image first"
        )
    with jax.enable_x64(True):
        w = jnp.asarray(weight).astype(jnp.float64)
        # 0 * NaN is NaN: padding has to be replaced, not weighted away.
        x = jnp.where(w[:, None] > 0, jnp.asarray(features).astype(jnp.float64), 0.0)
        weighted = x * w[:, None]
        # HIGHEST, since accelerators may otherwise multiply in less than the operands' precision.
        outer = jnp.matmul(weighted.T, x, precision=jax.lax.Precision.HIGHEST)
        return gather(merge(moments, FeatureMoments(w.sum(), weighted.sum(0), outer)))


def merge(a: FeatureMoments, b: FeatureMoments) -> FeatureMoments:
    """The moments of the rows of both."""
    with jax.enable_x64(True):
        return FeatureMoments(*(jnp.asarray(x) + jnp.asarray(y) for x, y in zip(a, b)))


def mean_covariance(moments: FeatureMoments) -> tuple[np.ndarray, np.ndarray]:
    """The mean [D] and the unbiased covariance [D, D] (ddof 1, as ``numpy.cov``), numpy float64 on the host.

    Raises:
      ValueError: for fewer than two rows, or where a row that counted was not finite.
    """
    count, total, outer = (np.asarray(x, np.float64) for x in to_host(tuple(moments)))
    if not all(np.isfinite(x).all() for x in (count, total, outer)):
        bad = np.flatnonzero(~np.isfinite(total))
        raise ValueError(
            f"moments over {float(count):g} rows are not finite ({len(bad)} of {len(total)} features; the first is "
            f"{bad[0] if len(bad) else 'a product'}): some feature was NaN or infinite; check the generator's images"
        )
    if count < 2:
        raise ValueError(f"a covariance needs at least 2 rows, got {float(count):g}; add more images")
    mean = total / count
    return mean, (outer - count * np.outer(mean, mean)) / (count - 1)
