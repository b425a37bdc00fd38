"""The two-player losses, as pairs of pure functions of logits.

Each pair says what the discriminator minimises given logits of real and of generated images, and what the generator
minimises given logits of generated ones. Losses are means over the batch.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array


class AdversarialLoss(NamedTuple):
    """A pair of losses.

    Attributes:
      discriminator: (real logits [B], fake logits [B]) -> [] loss.
      generator: (fake logits [B]) -> [] loss.
    """

    discriminator: Callable[[Array, Array], Array]
    generator: Callable[[Array], Array]


def _same_shape(real: Array, fake: Array) -> None:
    if real.shape != fake.shape:
        raise ValueError(f"real and fake logits must have one shape, got real {real.shape} and fake {fake.shape}")


def hinge_discriminator(real: Array, fake: Array) -> Array:
    """mean relu(1 - D(x)) + mean relu(1 + D(G(z))), with no factor 1/2 (Lim & Ye 2017, arXiv:1705.02894; BigGAN)."""
    _same_shape(real, fake)
    return jax.nn.relu(1.0 - real).mean() + jax.nn.relu(1.0 + fake).mean()


def hinge_generator(fake: Array) -> Array:
    """-mean D(G(z)): the generator's side of hinge and of Wasserstein."""
    return -fake.mean()


def minimax_discriminator(real: Array, fake: Array) -> Array:
    """-mean log D(x) - mean log(1 - D(G(z))), D the sigmoid of the logit (Goodfellow et al. 2014, arXiv:1406.2661, eq.
    1).
    """
    _same_shape(real, fake)
    return jax.nn.softplus(-real).mean() + jax.nn.softplus(fake).mean()


def minimax_generator(fake: Array) -> Array:
    """mean log(1 - D(G(z))): saturates where D is sure (arXiv:1406.2661, section 3)."""
    return -jax.nn.softplus(fake).mean()


def non_saturating_generator(fake: Array) -> Array:
    """-mean log D(G(z)): the same fixed point, with gradient where D is sure (arXiv:1406.2661, section 3)."""
    return jax.nn.softplus(-fake).mean()


def least_squares_discriminator(real: Array, fake: Array) -> Array:
    """1/2 mean (D(x) - 1)^2 + 1/2 mean D(G(z))^2 (Mao et al. 2016, arXiv:1611.04076, eq. 9)."""
    _same_shape(real, fake)
    return 0.5 * jnp.square(real - 1.0).mean() + 0.5 * jnp.square(fake).mean()


def least_squares_generator(fake: Array) -> Array:
    """1/2 mean (D(G(z)) - 1)^2 (arXiv:1611.04076, eq. 9)."""
    return 0.5 * jnp.square(fake - 1.0).mean()


def wasserstein_discriminator(real: Array, fake: Array) -> Array:
    """mean D(G(z)) - mean D(x): minus the estimate of the distance (Arjovsky et al. 2017, arXiv:1701.07875)."""
    _same_shape(real, fake)
    return fake.mean() - real.mean()


ADVERSARIAL_LOSSES: dict[str, AdversarialLoss] = {
    "hinge": AdversarialLoss(hinge_discriminator, hinge_generator),
    "minimax": AdversarialLoss(minimax_discriminator, minimax_generator),
    "non_saturating": AdversarialLoss(minimax_discriminator, non_saturating_generator),
    "least_squares": AdversarialLoss(least_squares_discriminator, least_squares_generator),
    "wasserstein": AdversarialLoss(wasserstein_discriminator, hinge_generator),
}


def adversarial_loss(name: str) -> AdversarialLoss:
    """The pair called ``name``.

    Raises:
      ValueError: naming the pairs that exist.
    """
    if name not in ADVERSARIAL_LOSSES:
        raise ValueError(f"unknown loss {name!r}; choose from {sorted(ADVERSARIAL_LOSSES)}")
    return ADVERSARIAL_LOSSES[name]
