"""ProGAN's drift term: D's outputs on real images stay near 0 (Karras et al. 2018, arXiv:1710.10196, appendix A.1)."""

import jax.numpy as jnp

from jaxgan.methods.regularizer import Context, Regularizer, TermOutput, is_zero


def drift(*, weight: float = 0.0) -> Regularizer | None:
    """The mean squared logit of real images in D's loss; None where the weight is 0.

    Args:
      weight: epsilon (the paper: 1e-3).
    """
    if is_zero(weight):
        return None

    def term(context: Context) -> TermOutput:
        assert context.real is not None
        squared = jnp.square(context.real.score()).mean()
        return TermOutput(weight * squared, {"drift": squared})

    return Regularizer("drift", d_term=term)
