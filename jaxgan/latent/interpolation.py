"""Interpolation between latents, or between classes: linear and spherical."""

import jax.numpy as jnp
from jax import Array


def lerp(start: Array, end: Array, t: Array | float) -> Array:
    """The straight line: (1 - t) start + t end, for t in [0, 1]."""
    return (1.0 - t) * start + t * end


def slerp(start: Array, end: Array, t: Array | float) -> Array:
    """The great circle (White 2016, arXiv:1609.04468, eq. 1), along the last axis; lengths go linearly from one to the
    other.

    High-dimensional normal latents lie near a sphere, which a straight line leaves. Where the two are parallel it is
    the line.

    Args:
      start, end: [..., D] float, not zero.
      t: [], or of the rank of the two and broadcastable to [..., 1], in [0, 1].
    """
    start_norm = jnp.linalg.norm(start, axis=-1, keepdims=True)
    end_norm = jnp.linalg.norm(end, axis=-1, keepdims=True)
    a, b = start / start_norm, end / end_norm
    angle = jnp.arccos(jnp.clip((a * b).sum(-1, keepdims=True), -1.0, 1.0))
    sine = jnp.sin(angle)
    small = sine < 1e-4
    safe = jnp.where(small, 1.0, sine)
    on_sphere = (jnp.sin((1.0 - t) * angle) * a + jnp.sin(t * angle) * b) / safe
    direction = jnp.where(small, lerp(a, b, t), on_sphere)
    return direction * lerp(start_norm, end_norm, t)


INTERPOLATIONS = {"lerp": lerp, "slerp": slerp}


def path(start: Array, end: Array, steps: int, *, kind: str = "slerp") -> Array:
    """``steps`` points from start to end, both included: [..., D] twice -> [..., steps, D].

    Raises:
      ValueError: on an unknown kind or fewer than two steps.
    """
    if kind not in INTERPOLATIONS:
        raise ValueError(f"unknown interpolation {kind!r}; choose from {sorted(INTERPOLATIONS)}")
    if steps < 2:
        raise ValueError(f"a path has at least 2 steps, got {steps}")
    t = jnp.linspace(0.0, 1.0, steps).reshape(*(1,) * (start.ndim - 1), steps, 1)
    return INTERPOLATIONS[kind](start[..., None, :], end[..., None, :], t)
