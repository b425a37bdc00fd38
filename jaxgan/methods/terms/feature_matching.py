"""Feature matching: fakes have the mean of D's features of real images."""

import jax

from jaxgan.methods.regularizer import Context, Regularizer, TermOutput, is_zero
from jaxgan.objectives import feature_matching


def matched_features(*, weight: float = 0.0) -> Regularizer | None:
    """Feature matching (Salimans et al. 2016, arXiv:1606.03498, section 3.1): fakes have the mean features of real
    images, at D's layer before the last; None where the weight is 0. The paper has it instead of the adversarial loss:
    ``GAN.adversarial_weight=0``.
    """
    if is_zero(weight):
        return None

    def term(context: Context) -> TermOutput:
        if context.real is None or context.fake is None:
            raise ValueError("feature matching needs D's features of both real and fake images")
        real, fake = (output.last_features("feature matching") for output in (context.real, context.fake))
        penalty = feature_matching(jax.lax.stop_gradient(real), fake)
        return TermOutput(weight * penalty, {"feature_matching": penalty})

    return Regularizer("feature_matching", g_term=term, per_example=False, needs_real=True)
