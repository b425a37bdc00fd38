"""Orthogonal regularization of G's weights."""

from jaxgan.methods.regularizer import Context, Term, TermOutput, is_zero
from jaxgan.objectives import orthogonal_penalty


def orthogonal(*, weight: float = 0.0, exclude: str | None = "g/shared/embedding") -> Term | None:
    """BigGAN's orthogonal regularization (Brock et al. 2018, arXiv:1809.11096, eq. 3), a ``GAN.g_weights_term``; None
    where the weight is 0.

    Args:
      weight: beta (the paper: 1e-4).
      exclude: regex of parameters, as 'g/<path>', to leave out.
    """
    if is_zero(weight):
        return None

    def term(context: Context) -> TermOutput:
        penalty = orthogonal_penalty({"g": context.nets["g"]["params"]}, exclude=exclude)
        return TermOutput(weight * penalty, {"orthogonal": penalty})

    return term
