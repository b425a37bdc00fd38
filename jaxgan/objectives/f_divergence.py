"""f-GAN losses: a discriminator whose best value is an f-divergence of the data from the generator's distribution.

Nowozin et al. 2016, arXiv:1606.00709. D_f(P || Q) = E_Q f(p / q) for a convex f with f(1) = 0, and for every T,
D_f(P || Q) >= E_P T - E_Q f*(T) with equality at T = f'(p / q) (eq. 4 and 5). P is the data, Q the generator's.

Every activation increases, as the paper asks, so that large logits mean data. The author's later code
(nowozin/mlss2018-madrid-gan) has decreasing ones, of -v for v, for 'reverse_kl' and 'squared_hellinger': the same game,
with D's last layer negated.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from jaxgan.objectives.pair import AdversarialLoss, same_shape

_LOG2 = math.log(2.0)


class FDivergence(NamedTuple):
    """A divergence, as functions that act elementwise.

    Attributes:
      generator_function: f(u) of the density ratio u = p / q > 0 (table 1; of 'gan', table 6).
      activation: g_f(v), which takes a discriminator's output on the whole line to where f* is finite (table 2).
      conjugate_at: f*(g_f(v)), the two in one: f* has a logarithm whose argument the activation writes as an
        exponential, and computed separately they lose large v.
      conjugate: f*(t) (table 2).
      threshold: f'(1), which T(x) of a point as likely under either crosses (table 2).
    """

    generator_function: Callable[[Array], Array]
    activation: Callable[[Array], Array]
    conjugate_at: Callable[[Array], Array]
    conjugate: Callable[[Array], Array]
    threshold: float


F_DIVERGENCES: dict[str, FDivergence] = {
    # Kullback-Leibler, E_P log(p / q).
    "kl": FDivergence(
        generator_function=lambda u: u * jnp.log(u),
        activation=lambda v: v,
        conjugate_at=lambda v: jnp.exp(v - 1.0),
        conjugate=lambda t: jnp.exp(t - 1.0),
        threshold=1.0,
    ),
    # E_Q log(q / p).
    "reverse_kl": FDivergence(
        generator_function=lambda u: -jnp.log(u),
        activation=lambda v: -jnp.exp(-v),
        conjugate_at=lambda v: v - 1.0,
        conjugate=lambda t: -1.0 - jnp.log(-t),
        threshold=-1.0,
    ),
    # Chi squared, the integral of (p - q)^2 / q.
    "pearson": FDivergence(
        generator_function=lambda u: jnp.square(u - 1.0),
        activation=lambda v: v,
        conjugate_at=lambda v: 0.25 * jnp.square(v) + v,
        conjugate=lambda t: 0.25 * jnp.square(t) + t,
        threshold=0.0,
    ),
    # The integral of (sqrt p - sqrt q)^2, with no factor 1/2.
    "squared_hellinger": FDivergence(
        generator_function=lambda u: jnp.square(jnp.sqrt(u) - 1.0),
        activation=lambda v: -jnp.expm1(-v),
        conjugate_at=lambda v: jnp.expm1(v),
        conjugate=lambda t: t / (1.0 - t),
        threshold=0.0,
    ),
    # KL(P || M) + KL(Q || M), M their mean: twice what is mostly called Jensen-Shannon.
    "js": FDivergence(
        generator_function=lambda u: u * jnp.log(u) - (u + 1.0) * jnp.log((u + 1.0) / 2.0),
        activation=lambda v: _LOG2 - jax.nn.softplus(-v),
        conjugate_at=lambda v: jax.nn.softplus(v) - _LOG2,
        conjugate=lambda t: -jnp.log(2.0 - jnp.exp(t)),
        threshold=0.0,
    ),
    # The value of Goodfellow's game: that 'js', less log 4.
    "gan": FDivergence(
        generator_function=lambda u: u * jnp.log(u) - (u + 1.0) * jnp.log(u + 1.0),
        activation=lambda v: -jax.nn.softplus(-v),
        conjugate_at=lambda v: jax.nn.softplus(v),
        conjugate=lambda t: -jnp.log(-jnp.expm1(t)),
        threshold=-_LOG2,
    ),
}


def f_gan_loss(name: str, *, saturating: bool = False) -> AdversarialLoss:
    """The pair of f-GAN for the divergence called ``name``.

    The discriminator minimises minus the bound, -mean g_f(V(x)) + mean f*(g_f(V(G(z)))), V being its logits; the bound
    is the pair's ``estimate``, 'divergence'. With 'gan' it is minimax's discriminator, D = sigmoid(V).

    Args:
      name: of ``F_DIVERGENCES``.
      saturating: the generator minimises the bound as well, -mean f*(g_f(V(G(z)))) (algorithm 1). Otherwise it
        minimises -mean g_f(V(G(z))) (section 3.2), which the paper found useful for all divergences, and which for
        'gan' is the non-saturating loss. P = Q is stationary under both, but elsewhere the second doesn't follow the
        divergence's gradient. The author's later code minimises the bound.

    Raises:
      ValueError: naming the divergences that exist.
    """
    if name not in F_DIVERGENCES:
        raise ValueError(f"unknown f-divergence {name!r}; choose from {sorted(F_DIVERGENCES)}")
    divergence = F_DIVERGENCES[name]

    def estimate(real: Array, fake: Array) -> Array:
        return divergence.activation(real).mean() - divergence.conjugate_at(fake).mean()

    def discriminator(real: Array, fake: Array) -> Array:
        same_shape(real, fake)
        return -estimate(real, fake)

    def generator(fake: Array) -> Array:
        return -(divergence.conjugate_at if saturating else divergence.activation)(fake).mean()

    return AdversarialLoss(discriminator, generator, estimate=("divergence", estimate))
