"""A mixture of Gaussians fitted by maximum likelihood: what a GAN on points has to be better than.

Expectation maximisation (Dempster, Laird & Rubin 1977; formulas as in Bishop 2006, section 9.2.2).
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.scipy.linalg import solve_triangular
from jax.scipy.special import logsumexp

# Smallest eigenvalue of a covariance: for data whose coordinates vary by about 1.
FLOOR = 1e-6


class GaussianMixture(NamedTuple):
    """K Gaussians in D dimensions.

    Attributes:
      weights: [K] float32, which sum to 1.
      means: [K, D] float32.
      covariances: [K, D, D] float32, full.
    """

    weights: Array
    means: Array
    covariances: Array


def init(rng: Array, points: Array, components: int, *, floor: float = FLOOR) -> GaussianMixture:
    """Means by k-means++ (Arthur & Vassilvitskii 2007), then one maximisation with each point given to its nearest.

    The first mean is one of the points; each next one is a point drawn with probability proportional to its squared
    distance from the nearest mean so far.

    Args:
      rng: key.
      points: [N, D] float.
      components: K, from 1 to N.
      floor: as in :func:`em_step`.

    Raises:
      ValueError: where points are not [N, D] or K is out of range.
    """
    if points.ndim != 2 or not 1 <= components <= len(points):
        raise ValueError(f"needs points [N, D] and from 1 to N components, got {points.shape} and {components}")
    points = jnp.asarray(points, jnp.float32)

    def add(k: Array, state: tuple[Array, Array]) -> tuple[Array, Array]:
        means, squares = state
        # Where every distance is infinite (the first) or 0 (fewer distinct points than means) all are alike.
        alike = ~jnp.isfinite(squares[0]) | (squares.max() == 0)
        logits = jnp.where(alike, 0.0, jnp.log(squares))
        chosen = points[jax.random.categorical(jax.random.fold_in(rng, k), logits)]
        return means.at[k].set(chosen), jnp.minimum(squares, ((points - chosen) ** 2).sum(-1))

    start = jnp.zeros((components, points.shape[1])), jnp.full(len(points), jnp.inf)
    means, _ = jax.lax.fori_loop(0, components, add, start)
    nearest = ((points[:, None] - means) ** 2).sum(-1).argmin(-1)
    spread = jnp.broadcast_to(jnp.eye(points.shape[1]), (components, *[points.shape[1]] * 2))
    alone = GaussianMixture(jnp.full(components, 1 / components), means, spread)
    return _maximise(alone, points, jax.nn.one_hot(nearest, components), floor)


def log_density(params: GaussianMixture, points: Array) -> Array:
    """log p of points [N, D]: [N] float32."""
    return logsumexp(_joint(params, points), axis=-1)


def em_step(params: GaussianMixture, points: Array, *, floor: float = FLOOR) -> tuple[GaussianMixture, Array]:
    """One step of expectation maximisation, which never lowers the likelihood.

    Eigenvalues of covariances below ``floor`` are raised to it: of all covariances with none below, that is the most
    likely one, so that steps stay monotone. (scikit-learn adds its ``reg_covar`` instead.) A component that no point
    belongs to keeps its place, with weight 0.

    Args:
      params: the mixture before.
      points: [N, D] float.
      floor: of variances, in the points' units squared; above 0, for a component on one point has no likelihood
        otherwise.

    Returns:
      ``(params, log_likelihood)``: the mixture after, and the mean log density of the points under the one before.
    """
    points = jnp.asarray(points, jnp.float32)
    joint = _joint(params, points)
    total = logsumexp(joint, axis=-1, keepdims=True)
    return _maximise(params, points, jnp.exp(joint - total), floor), total.mean()


def fit(
    points: Array,
    components: int,
    *,
    rng: Array,
    max_steps: int = 200,
    tolerance: float = 1e-5,
    restarts: int = 1,
    floor: float = FLOOR,
) -> tuple[GaussianMixture, list[float]]:
    """Steps from :func:`init` until the likelihood stands still.

    Args:
      points: [N, D] float.
      components: K.
      rng: key of the starts.
      max_steps: of each start.
      tolerance: it stops where a step adds less to the mean log-likelihood.
      restarts: starts; the most likely end is returned.
      floor: as in :func:`em_step`.

    Returns:
      ``(params, log_likelihoods)``: the best mixture, and the mean log-likelihood before each of its steps and after
      the last.

    Raises:
      ValueError: as :func:`init`, or on fewer than one step or start.
    """
    if max_steps < 1 or restarts < 1:
        raise ValueError(f"needs at least one step and one start, got {max_steps} and {restarts}")
    best: tuple[GaussianMixture, list[float]] | None = None
    for key in jax.random.split(rng, restarts):
        params, history = _jitted_init(key, points, components, floor=floor), [-float("inf")]
        for _ in range(max_steps):
            after, before = _jitted_step(params, points, floor=floor)
            history.append(float(before))
            if history[-1] - history[-2] < tolerance:
                break
            params = after
        else:
            history.append(float(log_density(params, points).mean()))
        if best is None or history[-1] > best[1][-1]:
            best = params, history[1:]
    assert best is not None
    return best


def sample(rng: Array, params: GaussianMixture, n: int) -> tuple[Array, Array]:
    """Draws ``(points [n, D] float32, components [n] int32)``."""
    component_rng, noise_rng = jax.random.split(rng)
    chosen = jax.random.categorical(component_rng, jnp.log(params.weights), shape=(n,)).astype(jnp.int32)
    noise = jax.random.normal(noise_rng, (n, params.means.shape[1]))
    factors = jnp.linalg.cholesky(params.covariances)
    return params.means[chosen] + (factors[chosen] * noise[:, None]).sum(-1), chosen


_jitted_init = jax.jit(init, static_argnames="components")
_jitted_step = jax.jit(em_step)


def _joint(params: GaussianMixture, points: Array) -> Array:
    """log (weight * density) of each component: [N, K]."""
    factors = jnp.linalg.cholesky(params.covariances)
    offsets = jnp.asarray(points, jnp.float32)[None] - params.means[:, None]
    white = jax.vmap(lambda factor, x: solve_triangular(factor, x.T, lower=True))(factors, offsets)
    log_determinants = 2 * jnp.log(jnp.diagonal(factors, axis1=1, axis2=2)).sum(-1)
    dims = points.shape[-1]
    densities = -0.5 * ((white**2).sum(1).T + log_determinants + dims * jnp.log(2 * jnp.pi))
    return densities + jnp.log(params.weights)


def _maximise(params: GaussianMixture, points: Array, shares: Array, floor: float | Array) -> GaussianMixture:
    """The most likely mixture for points [N, D] that belong to components by ``shares`` [N, K]."""
    counts = shares.sum(0)
    held = counts > 0
    safe = jnp.where(held, counts, 1.0)
    # An accelerator's default products would be coarser than a narrow component.
    with jax.default_matmul_precision("highest"):
        means = shares.T @ points / safe[:, None]
        means = jnp.where(held[:, None], means, params.means)
        offsets = points[:, None] - means
        covariances = jnp.einsum("nk,nki,nkj->kij", shares, offsets, offsets) / safe[:, None, None]
        values, vectors = jnp.linalg.eigh(covariances)
        floored = jnp.einsum("kij,kj,klj->kil", vectors, jnp.maximum(values, floor), vectors)
    covariances = jnp.where((values[:, 0] < floor)[:, None, None], floored, covariances)
    covariances = jnp.where(held[:, None, None], covariances, params.covariances)
    return GaussianMixture(counts / len(points), means, covariances)
