"""KL of an encoder's styles from N(0, I), so that styles can be drawn."""

from collections.abc import Callable
from typing import Any

from jax import Array

from jaxgan.methods.regularizer import Context, Regularizer, TermOutput, is_zero
from jaxgan.objectives import gaussian_kl
from jaxgan.training.state import Variables


def style_kl(
    encode: Callable[[Variables, Any], tuple[Array, Array]], *, weight: float = 0.0, examples: int = 4
) -> Regularizer | None:
    """KL(q(z | image) || N(0, I)) of the encoder in G (SPADE, arXiv:1903.07291, appendix A: 0.05); None where the
    weight is 0.

    NVlabs/SPADE sums it over the examples of a device, 4 of its 32: here it is the mean over examples times
    ``examples``, whatever the batch.

    Args:
      encode: (G's variables, condition) -> (mean, log of the variance), [B, D] each.
      weight: of the term in G's loss.
      examples: of a device, in the reference.
    """
    if is_zero(weight):
        return None

    def term(context: Context) -> TermOutput:
        mean, log_variance = encode(context.nets["g"], context.real_condition)
        divergence = gaussian_kl(mean, log_variance).mean()
        return TermOutput(weight * examples * divergence, {"style_kl": divergence})

    return Regularizer("style_kl", g_term=term)
