"""Perceptual loss: generated images are like the true ones to a network that was trained elsewhere."""

from collections.abc import Callable, Sequence
from typing import Any

from jax import Array

from jaxgan.methods.regularizer import Context, Regularizer, TermOutput, is_zero
from jaxgan.objectives import layer_distances

# The network's name among the frozen ones.
PERCEPTUAL = "perceptual"


def perceptual(
    layers: Callable[[Any, Array], Sequence[Array]],
    *,
    weight: float = 0.0,
    layer_weights: tuple[float, ...] | None = None,
    distance: str = "absolute",
) -> Regularizer | None:
    """``weight`` times the distance of features of each generated image from those of the real one in the same row
    (Johnson et al. 2016, arXiv:1603.08155); None where the weight is 0.

    Args:
      layers: (variables of the frozen network 'perceptual', images [B, H, W, C] in [-1, 1]) -> features, a layer each.
      weight: of the term in G's loss.
      layer_weights: of the layers; None for 1 each.
      distance: 'absolute' (pix2pixHD, SPADE) or 'squared' (SRGAN), a mean over all numbers of a layer.
    """
    if is_zero(weight):
        return None

    def term(context: Context) -> TermOutput:
        real, fake = (layers(context.frozen[PERCEPTUAL], x) for x in (context.images, context.fakes))
        apart = layer_distances(real, fake, weights=layer_weights, distance=distance)
        return TermOutput(weight * apart, {"perceptual": apart})

    return Regularizer("perceptual", g_term=term)
