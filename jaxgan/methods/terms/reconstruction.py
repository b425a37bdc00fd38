"""Reconstruction: generated images are like the true ones, pixel by pixel."""

from jaxgan.methods.regularizer import Context, Regularizer, TermOutput, is_zero
from jaxgan.objectives import reconstruction


def reconstructed(*, weight: float = 0.0, distance: str = "absolute") -> Regularizer | None:
    """``weight`` times the distance of each generated image from the real one in the same row (pix2pix,
    arXiv:1611.07004, eq. 4: L1, 100); None where the weight is 0. Conditions must come from the data.

    Args:
      weight: of the term in G's loss.
      distance: 'absolute' (L1) or 'squared' (L2), a mean over all numbers.
    """
    if is_zero(weight):
        return None

    def term(context: Context) -> TermOutput:
        apart = reconstruction(context.fakes, context.images, distance=distance)
        return TermOutput(weight * apart, {"reconstruction": apart})

    return Regularizer("reconstruction", g_term=term)
