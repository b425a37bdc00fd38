"""ACGAN's auxiliary classifier: a head on D that names the class of real images and of fakes."""

from jax import Array

from jaxgan.methods.regularizer import Context, DiscriminatorOutput, Regularizer, TermOutput, is_zero
from jaxgan.objectives import classification_loss
from jaxgan.training.state import Metrics
from jaxgan.training.update import Module, apply


def auxiliary_classifier(
    head: Module, *, real: float = 0.0, fake: float = 0.0, generator: float = 0.0
) -> Regularizer | None:
    """ACGAN (Odena et al. 2016, arXiv:1610.09585, eq. 3): D names the class of real images and of fakes, and G draws
    images whose class D names correctly; None where all weights are 0.

    Args:
      head: called as (features [B, F], train=) -> logits [B, classes]; moved with D as the net 'classifier'.
      real, fake: weights in D's loss (the paper: 1 and 1).
      generator: weight in G's (1).
    """
    if all(is_zero(weight) for weight in (real, fake, generator)):
        return None

    def classify(context: Context, output: DiscriminatorOutput | None) -> Array:
        if output is None:
            raise ValueError("the auxiliary classifier needs D's features of these images")
        features = output.last_features("the auxiliary classifier")
        return apply(head, context.nets["classifier"], features, train=True)[0]

    def d_term(context: Context) -> TermOutput:
        real_logits, fake_logits = classify(context, context.real), classify(context, context.fake)
        metrics: Metrics = {
            "class_real": classification_loss(real_logits, context.real_condition),
            "class_fake": classification_loss(fake_logits, context.fake_condition),
            "class_accuracy": (real_logits.argmax(-1) == context.real_condition).mean(),
        }
        return TermOutput(real * metrics["class_real"] + fake * metrics["class_fake"], metrics)

    def g_term(context: Context) -> TermOutput:
        loss = classification_loss(classify(context, context.fake), context.fake_condition)
        return TermOutput(generator * loss, {"class_fake": loss})

    return Regularizer("auxiliary", d_term=d_term, g_term=g_term, heads=(("classifier", head),))
