"""Working with latents."""

from jaxgan.latent.interpolation import INTERPOLATIONS, lerp, path, slerp
from jaxgan.latent.truncation import TRUNCATION_MODES, draw_latents

__all__ = ["INTERPOLATIONS", "TRUNCATION_MODES", "draw_latents", "lerp", "path", "slerp"]
