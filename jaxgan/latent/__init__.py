"""Latents: priors, truncation, interpolation, arithmetic."""

from jaxgan.latent.arithmetic import arithmetic, around, mean_latent
from jaxgan.latent.interpolation import INTERPOLATIONS, lerp, path, slerp
from jaxgan.latent.path_length import perceptual_path_length
from jaxgan.latent.prior import PRIOR_KINDS, Prior
from jaxgan.latent.separability import classified_samples, linear_separability
from jaxgan.latent.truncation import TRUNCATION_MODES, draw_latents

__all__ = [
    "INTERPOLATIONS",
    "PRIOR_KINDS",
    "TRUNCATION_MODES",
    "Prior",
    "arithmetic",
    "around",
    "classified_samples",
    "draw_latents",
    "lerp",
    "linear_separability",
    "mean_latent",
    "path",
    "perceptual_path_length",
    "slerp",
]
