"""Losses and penalties: pure functions of arrays."""

from jaxgan.objectives.adversarial import ADVERSARIAL_LOSSES, adversarial_loss
from jaxgan.objectives.f_divergence import F_DIVERGENCES, FDivergence, f_gan_loss
from jaxgan.objectives.gradient_penalty import (
    dragan_penalty,
    gradient_penalty,
    r1_penalty,
    r2_penalty,
    zero_centred_penalty,
)
from jaxgan.objectives.orthogonal import orthogonal_penalty
from jaxgan.objectives.pair import AdversarialLoss

__all__ = [
    "ADVERSARIAL_LOSSES",
    "F_DIVERGENCES",
    "AdversarialLoss",
    "FDivergence",
    "adversarial_loss",
    "dragan_penalty",
    "f_gan_loss",
    "gradient_penalty",
    "orthogonal_penalty",
    "r1_penalty",
    "r2_penalty",
    "zero_centred_penalty",
]
