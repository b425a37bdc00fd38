"""InfoGAN's posterior: a head on D that finds the latent's codes again in the image."""

from typing import Any

import jax.numpy as jnp
from jax import Array

from jaxgan.methods.regularizer import Context, Regularizer, TermOutput, is_zero
from jaxgan.objectives import categorical_information_loss, gaussian_information_loss
from jaxgan.training.state import Metrics
from jaxgan.training.update import Module, apply


def code_posterior(
    head: Module, *, prior: Any, categorical: float = 0.0, continuous: float = 0.0
) -> Regularizer | None:
    """InfoGAN (Chen et al. 2016, arXiv:1606.03657, eq. 5 and 6): the codes in the latent are found again in the image,
    by both players; None where both weights are 0.

    As in openai/InfoGAN, Q shares D's body and is moved by D's optimizer; the bound is in both losses.

    Args:
      head: Q, called as (features [B, F], train=) -> (logits of each categorical code, mean [B, k], log of the
        deviation [B, k]); moved with D as the net 'q'.
      prior: :class:`jaxgan.latent.Prior`, which says which part of the latent is code.
      categorical, continuous: weights (openai/InfoGAN: 1 and 1; the paper's lambda).
    """
    if is_zero(categorical) and is_zero(continuous):
        return None

    def d_term(context: Context) -> TermOutput:
        if context.fake is None:
            raise ValueError("InfoGAN's posterior needs D's features of fakes")
        features = context.fake.last_features("InfoGAN's posterior")
        (logits, mean, log_deviation), mutated = apply(head, context.nets["q"], features, train=True)
        classes, codes = prior.codes(context.z)
        loss: Array = jnp.zeros(())
        metrics: Metrics = {}
        for index, (found, code) in enumerate(zip(logits, classes)):
            metrics[f"code_{index}"] = categorical_information_loss(found, code)
            loss += categorical * metrics[f"code_{index}"]
        if prior.continuous:
            metrics["continuous_codes"] = gaussian_information_loss(mean, log_deviation, codes)
            loss += continuous * metrics["continuous_codes"]
        return TermOutput(loss, metrics, {"q": mutated})

    def g_term(context: Context) -> TermOutput:
        return d_term(context)._replace(mutated={})

    return Regularizer("information", d_term=d_term, g_term=g_term, heads=(("q", head),))
