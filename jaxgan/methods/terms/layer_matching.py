"""Feature matching layer by layer: D's features of a generated image are those of the real one in the same row."""

from jaxgan.methods.regularizer import Context, Regularizer, TermOutput, is_zero
from jaxgan.objectives import layer_distances


def matched_layers(*, weight: float = 0.0) -> Regularizer | None:
    """Feature matching of paired images (pix2pixHD, arXiv:1711.11585, eq. 4): L1 means of every layer that D shows,
    summed over the layers and averaged over the scales; None where the weight is 0.

    NVIDIA/pix2pixHD also multiplies by 4 / (layers + 1), which is 1 at its three layers; NVlabs/SPADE does not.
    """
    if is_zero(weight):
        return None

    def term(context: Context) -> TermOutput:
        if context.real is None or context.fake is None:
            raise ValueError("feature matching needs D's features of both real and fake images")
        for output in (context.real, context.fake):
            output.last_features("feature matching")
        apart = layer_distances(context.real.features, context.fake.features) / len(context.fake.logits)
        return TermOutput(weight * apart, {"layer_matching": apart})

    return Regularizer("layer_matching", g_term=term, needs_real=True)
