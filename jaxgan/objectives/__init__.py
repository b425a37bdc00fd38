"""Losses and penalties: pure functions of arrays."""

from jaxgan.objectives.adversarial import ADVERSARIAL_LOSSES, AdversarialLoss, adversarial_loss
from jaxgan.objectives.gradient_penalty import r1_penalty
from jaxgan.objectives.orthogonal import orthogonal_penalty

__all__ = ["ADVERSARIAL_LOSSES", "AdversarialLoss", "adversarial_loss", "orthogonal_penalty", "r1_penalty"]
