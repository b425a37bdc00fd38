"""Losses and penalties: pure functions of arrays."""

from jaxgan.objectives.adversarial import ADVERSARIAL_LOSSES, adversarial_loss
from jaxgan.objectives.auxiliary import (
    categorical_information_loss,
    classification_loss,
    gaussian_information_loss,
)
from jaxgan.objectives.consistency import consistency_penalty, latent_diversity_penalty
from jaxgan.objectives.f_divergence import F_DIVERGENCES, FDivergence, f_gan_loss
from jaxgan.objectives.gradient_penalty import (
    dragan_penalty,
    gradient_penalty,
    r1_penalty,
    r2_penalty,
    zero_centred_penalty,
)
from jaxgan.objectives.lecam import lecam_penalty, update_anchor
from jaxgan.objectives.likelihood import bernoulli_nats, discretised_logistic_nats, gaussian_nats
from jaxgan.objectives.matching import feature_matching, historical_average_penalty, mode_seeking
from jaxgan.objectives.orthogonal import orthogonal_penalty
from jaxgan.objectives.pair import AdversarialLoss
from jaxgan.objectives.reconstruction import gaussian_kl, layer_distances, reconstruction
from jaxgan.objectives.top_k import top_k_fraction, top_k_weights

__all__ = [
    "ADVERSARIAL_LOSSES",
    "F_DIVERGENCES",
    "AdversarialLoss",
    "FDivergence",
    "adversarial_loss",
    "bernoulli_nats",
    "categorical_information_loss",
    "classification_loss",
    "consistency_penalty",
    "discretised_logistic_nats",
    "dragan_penalty",
    "f_gan_loss",
    "feature_matching",
    "gaussian_information_loss",
    "gaussian_kl",
    "gaussian_nats",
    "gradient_penalty",
    "historical_average_penalty",
    "latent_diversity_penalty",
    "layer_distances",
    "lecam_penalty",
    "mode_seeking",
    "orthogonal_penalty",
    "r1_penalty",
    "r2_penalty",
    "reconstruction",
    "top_k_fraction",
    "top_k_weights",
    "update_anchor",
    "zero_centred_penalty",
]
