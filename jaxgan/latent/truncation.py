"""Truncation of latents, four kinds of it by name (BigGAN, arXiv:1809.11096, section 3.1).

Curves of quality against truncation are comparable only within one of them, and statistics of batch normalisation must
be computed again at each value.
"""

import math

import jax
import jax.numpy as jnp
from jax import Array

TRUNCATION_MODES = ("none", "scale", "truncated_normal", "scaled_truncated_normal", "clamp")


def draw_latents(rng: Array, shape: tuple[int, ...], *, mode: str = "none", truncation: float | Array = 1.0) -> Array:
    """Draws latents.

    Args:
      rng: key.
      shape: of the latents.
      mode: with z ~ N(0, I) and t the truncation,
        'none': z;
        'scale': t z (BigGAN-PyTorch's z_var, as a standard deviation);
        'truncated_normal': a normal redrawn until it lies within [-t, t] (StudioGAN);
        'scaled_truncated_normal': t times a normal redrawn until within [-2, 2] (TF Hub's release and its PyTorch
        port); 'clamp': z clipped to [-t, t] (MMGeneration).
      truncation: t, above 0; checked where it is a number, and not where it is traced.

    Returns:
      ``shape`` float32.

    Raises:
      ValueError: on an unknown mode, or a t that is not above 0 and finite.
    """
    if mode not in TRUNCATION_MODES:
        raise ValueError(f"unknown truncation mode {mode!r}; choose from {list(TRUNCATION_MODES)}")
    if isinstance(truncation, int | float) and not 0 < truncation < math.inf:
        raise ValueError(f"truncation must be above 0 and finite, got {truncation}")
    if mode == "truncated_normal":
        return jax.random.truncated_normal(rng, -truncation, truncation, shape, jnp.float32)
    if mode == "scaled_truncated_normal":
        return truncation * jax.random.truncated_normal(rng, -2.0, 2.0, shape, jnp.float32)
    z = jax.random.normal(rng, shape, jnp.float32)
    if mode == "scale":
        return truncation * z
    return jnp.clip(z, -truncation, truncation) if mode == "clamp" else z
