"""MSGAN's mode-seeking term: different latents give different images."""

from typing import Any

import jax
import jax.numpy as jnp

from jaxgan.methods.regularizer import Context, Regularizer, TermOutput, is_zero
from jaxgan.objectives import mode_seeking
from jaxgan.parallel import shard_batch


def seek_modes(*, weight: float = 0.0, prior: Any) -> Regularizer | None:
    """The mode-seeking term (Mao et al. 2019, arXiv:1903.05628, eq. 3): two latents under one condition must give
    images as far apart as the latents are; None where the weight is 0.

    Args:
      weight: lambda_ms (the paper: 1).
      prior: of the latents: the second is drawn anew.
    """
    if is_zero(weight):
        return None

    def term(context: Context) -> TermOutput:
        other = prior(shard_batch(jax.random.normal(context.rng, context.z.shape, jnp.float32)))
        images = context.generate(other, context.fake_condition)
        penalty = mode_seeking(context.fakes, images, context.z, other)
        return TermOutput(weight * penalty, {"mode_seeking": penalty})

    return Regularizer("mode_seeking", g_term=term, per_example=False)
