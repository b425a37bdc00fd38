"""Adversarial losses by name: hinge, minimax, non-saturating, least squares, Wasserstein, as pure functions of logits.

Each pair says what the discriminator minimises given logits of real and of generated images, and what the generator
minimises given logits of generated ones. Losses are means over the batch.
"""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array

from jaxgan.objectives.f_divergence import F_DIVERGENCES, f_gan_loss
from jaxgan.objectives.pair import AdversarialLoss, same_shape
from jaxgan.objectives.relativistic import RELATIVISTIC_LOSSES


def hinge_discriminator(real: Array, fake: Array) -> Array:
    """mean relu(1 - D(x)) + mean relu(1 + D(G(z))), with no factor 1/2 (Lim & Ye 2017, arXiv:1705.02894; BigGAN)."""
    same_shape(real, fake)
    return jax.nn.relu(1.0 - real).mean() + jax.nn.relu(1.0 + fake).mean()


def hinge_generator(fake: Array) -> Array:
    """-mean D(G(z)): the generator's side of hinge and of Wasserstein."""
    return -fake.mean()


def minimax_discriminator(real: Array, fake: Array, *, label_smoothing: float = 0.0) -> Array:
    """-mean log D(x) - mean log(1 - D(G(z))), D the sigmoid of the logit (Goodfellow et al. 2014, arXiv:1406.2661, eq.
    1).

    With ``label_smoothing`` a, real images have the target 1 - a in place of 1: their term is -mean ((1 - a) log D(x) +
    a log(1 - D(x))). Generated ones keep 0: one-sided (Salimans et al. 2016, arXiv:1606.03498, section 3.4).
    """
    same_shape(real, fake)
    # log(1 - D) = log D - logit.
    return jax.nn.softplus(-real).mean() + label_smoothing * real.mean() + jax.nn.softplus(fake).mean()


def minimax_generator(fake: Array) -> Array:
    """mean log(1 - D(G(z))): saturates where D is sure (arXiv:1406.2661, section 3)."""
    return -jax.nn.softplus(fake).mean()


def non_saturating_generator(fake: Array) -> Array:
    """-mean log D(G(z)): the same fixed point, with gradient where D is sure (arXiv:1406.2661, section 3)."""
    return jax.nn.softplus(-fake).mean()


def least_squares_discriminator(real: Array, fake: Array, *, label_smoothing: float = 0.0) -> Array:
    """1/2 mean (D(x) - 1)^2 + 1/2 mean D(G(z))^2 (Mao et al. 2016, arXiv:1611.04076, eq. 9).

    With ``label_smoothing`` a, real images have the target 1 - a (arXiv:1606.03498, section 3.4).
    """
    same_shape(real, fake)
    return 0.5 * jnp.square(real - (1.0 - label_smoothing)).mean() + 0.5 * jnp.square(fake).mean()


def least_squares_generator(fake: Array) -> Array:
    """1/2 mean (D(G(z)) - 1)^2 (arXiv:1611.04076, eq. 9)."""
    return 0.5 * jnp.square(fake - 1.0).mean()


def least_squares_pearson_discriminator(real: Array, fake: Array) -> Array:
    """1/2 mean (D(x) - 1)^2 + 1/2 mean (D(G(z)) + 1)^2 (arXiv:1611.04076, eq. 8: a = -1, b = 1).

    Against its best D the generator's side is half of the Pearson chi squared of P + Q and 2 Q.
    """
    same_shape(real, fake)
    return 0.5 * jnp.square(real - 1.0).mean() + 0.5 * jnp.square(fake + 1.0).mean()


def least_squares_pearson_generator(fake: Array) -> Array:
    """1/2 mean D(G(z))^2 (arXiv:1611.04076, eq. 8: c = 0)."""
    return 0.5 * jnp.square(fake).mean()


def wasserstein_estimate(real: Array, fake: Array) -> Array:
    """mean D(x) - mean D(G(z)): the distance, times D's Lipschitz constant, where D is the best critic (Arjovsky et
    al. 2017, arXiv:1701.07875, eq. 2).
    """
    return real.mean() - fake.mean()


def wasserstein_discriminator(real: Array, fake: Array) -> Array:
    """mean D(G(z)) - mean D(x): minus the estimate of the distance (Arjovsky et al. 2017, arXiv:1701.07875)."""
    same_shape(real, fake)
    return fake.mean() - real.mean()


ADVERSARIAL_LOSSES: dict[str, AdversarialLoss] = {
    "hinge": AdversarialLoss(hinge_discriminator, hinge_generator),
    "minimax": AdversarialLoss(minimax_discriminator, minimax_generator),
    "non_saturating": AdversarialLoss(minimax_discriminator, non_saturating_generator),
    "least_squares": AdversarialLoss(least_squares_discriminator, least_squares_generator),
    "least_squares_pearson": AdversarialLoss(least_squares_pearson_discriminator, least_squares_pearson_generator),
    "wasserstein": AdversarialLoss(
        wasserstein_discriminator, hinge_generator, estimate=("wasserstein", wasserstein_estimate)
    ),
    **RELATIVISTIC_LOSSES,
    **{f"f_{name}": f_gan_loss(name) for name in F_DIVERGENCES},
}

# The losses whose discriminator has a target for real images to smooth.
_SMOOTHED: dict[str, Callable[..., Array]] = {
    "least_squares": least_squares_discriminator,
    "minimax": minimax_discriminator,
    "non_saturating": minimax_discriminator,
}


def adversarial_loss(name: str, *, label_smoothing: float = 0.0) -> AdversarialLoss:
    """The pair called ``name``.

    Args:
      name: of ``ADVERSARIAL_LOSSES``.
      label_smoothing: a; the discriminator's target for real images is 1 - a, one-sided, the generator's is as it was
        (arXiv:1606.03498, section 3.4: a = 0.1).

    Raises:
      ValueError: naming the pairs that exist, or those that take ``label_smoothing``; where it isn't in [0, 1).
    """
    if name not in ADVERSARIAL_LOSSES:
        raise ValueError(f"unknown loss {name!r}; choose from {sorted(ADVERSARIAL_LOSSES)}")
    pair = ADVERSARIAL_LOSSES[name]
    if label_smoothing == 0.0:
        return pair
    if name not in _SMOOTHED:
        raise ValueError(
            f"label_smoothing={label_smoothing}: {name!r} has no target for real images to smooth; set it to 0, or "
            f"choose a loss from {list(_SMOOTHED)}"
        )
    if not 0.0 < label_smoothing < 1.0:
        raise ValueError(f"label_smoothing={label_smoothing}: give 0 or more, and less than 1, such as 0.1")
    return pair._replace(discriminator=functools.partial(_SMOOTHED[name], label_smoothing=label_smoothing))
