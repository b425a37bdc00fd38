"""Spread of the generated batch: how far G's images lie from each other, logged to see mode collapse come."""

import math

import jax
import jax.numpy as jnp
from jax import Array

from jaxgan.methods.regularizer import Context, Regularizer, TermOutput
from jaxgan.parallel import gather


def spread(*, directions: int = 0) -> Regularizer | None:
    """A term of weight 0 that logs ``g/spread`` and ``g/spread_projected``; None where ``directions`` is 0.

    A generator that draws the same image for every latent has a spread of 0 in both.

    Args:
      directions: of the projection, the same in every step, run and process; 16 is plenty.

    Raises:
      ValueError: where ``directions`` is negative.
    """
    if directions < 0:
        raise ValueError(f"spread's directions={directions}: give 0 for off, or a number such as 16")
    if directions == 0:
        return None

    def term(context: Context) -> TermOutput:
        fakes = jax.lax.stop_gradient(context.fakes).astype(jnp.float32)
        metrics = {"spread": pixel_spread(fakes), "spread_projected": projected_spread(fakes, directions=directions)}
        return TermOutput(jnp.zeros((), jnp.float32), metrics)

    return Regularizer("spread", g_term=term)


def pixel_spread(images: Array) -> Array:
    """[] float32: root mean square, over pixels and images [B, ...], of the distance from the batch's mean image."""
    return jnp.sqrt(jnp.square(images - images.mean(0, keepdims=True)).mean())


def projected_spread(images: Array, *, directions: int) -> Array:
    """[] float32: the geometric mean, over fixed random directions, of the standard deviation of images [B, ...] along
    them, which are Gaussian with a mean square length of 1.
    """
    # Not reshaped: a batch whose images are split over a mesh by rows is worked on where it lies.
    drawn = jax.random.normal(jax.random.key(0), (*images.shape[1:], directions), jnp.float32)
    towards = gather(drawn / math.sqrt(images[0].size))
    along = jnp.tensordot(images, towards, axes=images.ndim - 1)
    variance = jnp.square(along - along.mean(0, keepdims=True)).mean(0)
    return jnp.exp(0.5 * jnp.log(jnp.maximum(variance, 1e-30)).mean())
