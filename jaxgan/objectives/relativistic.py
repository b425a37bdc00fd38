"""Relativistic losses: how much more real a real image looks than a generated one (Jolicoeur-Martineau 2018,
arXiv:1807.00734).

Both players see both kinds of logits, and each loss is the other with real and fake exchanged. The averaged losses
compare with the mean over the batch [B, ...] (of each scale on its own), so that a batch taken in micro-batches is
compared with the mean of each. The author's code (AlexiaJM/RelativisticGAN), which is followed, halves the sum of the
two terms of the averaged losses; the paper's equations do not.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array

from jaxgan.objectives.pair import AdversarialLoss, same_shape


def relativistic_discriminator(real: Array, fake: Array) -> Array:
    """-mean log sigmoid(D(x) - D(G(z))), row by row (RSGAN, arXiv:1807.00734, section 4.1).

    It is R3GAN's loss too (Huang et al. 2025, arXiv:2501.05441, where it is called RpGAN's).
    """
    same_shape(real, fake)
    return jax.nn.softplus(fake - real).mean()


def _averaged(toward: Callable[[Array], Array]) -> Callable[[Array, Array], Array]:
    """Half of mean toward(D(x) - mean D(G(z))) + mean toward(-(D(G(z)) - mean D(x)))."""

    def discriminator(real: Array, fake: Array) -> Array:
        same_shape(real, fake)
        return 0.5 * (toward(real - fake.mean(0)).mean() + toward(real.mean(0) - fake).mean())

    return discriminator


def _paired(discriminator: Callable[[Array, Array], Array]) -> AdversarialLoss:
    def generator(fake: Array, real: Array) -> Array:
        same_shape(real, fake)
        return discriminator(fake, real)

    return AdversarialLoss(discriminator, generator, paired=True)


RELATIVISTIC_LOSSES: dict[str, AdversarialLoss] = {
    "relativistic": _paired(relativistic_discriminator),
    # RaSGAN: cross entropy of "more real than the average of the other kind".
    "relativistic_average": _paired(_averaged(lambda margin: jax.nn.softplus(-margin))),
    # RaHingeGAN; unlike hinge's, its generator is a hinge as well.
    "relativistic_average_hinge": _paired(_averaged(lambda margin: jax.nn.relu(1.0 - margin))),
    # RaLSGAN: margins of +1 and -1.
    "relativistic_average_least_squares": _paired(_averaged(lambda margin: jnp.square(margin - 1.0))),
}
