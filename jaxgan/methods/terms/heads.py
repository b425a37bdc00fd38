"""Networks that read D's features: ACGAN's classifier, and the posterior of InfoGAN's codes."""

from typing import Any

import jax.numpy as jnp
from jax import Array

from jaxgan.methods.regularizer import DiscriminatorOutput, Play, Regularizer, TermOutput, off
from jaxgan.objectives import categorical_information_loss, classification_loss, gaussian_information_loss
from jaxgan.training.state import Metrics, Variables
from jaxgan.training.update import Module, apply


def _judged(judged: DiscriminatorOutput | None, what: str) -> Array:
    if judged is None:
        raise ValueError(f"{what} needs D's features of these images")
    return judged.shown(what)


def auxiliary_classifier(
    head: Module, *, real: float = 0.0, fake: float = 0.0, generator: float = 0.0
) -> Regularizer | None:
    """ACGAN (Odena et al. 2016, arXiv:1610.09585, eq. 3): D names the class of real images and of fakes, and G draws
    what it names rightly; None where all weights are 0.

    Args:
      head: called as (features [B, F], train=) -> logits [B, classes]; moved with D as the net 'classifier'.
      real, fake: weights in D's loss (the paper: 1 and 1).
      generator: weight in G's (1).
    """
    if all(off(weight) for weight in (real, fake, generator)):
        return None

    def named(play: Play, features: Array) -> Array:
        return apply(head, play.nets["classifier"], features, train=True)[0]

    def d_term(play: Play) -> TermOutput:
        real_logits = named(play, _judged(play.real, "the auxiliary classifier"))
        fake_logits = named(play, _judged(play.fake, "the auxiliary classifier"))
        metrics: Metrics = {
            "class_real": classification_loss(real_logits, play.labels),
            "class_fake": classification_loss(fake_logits, play.fake_labels),
            "class_accuracy": (real_logits.argmax(-1) == play.labels).mean(),
        }
        return TermOutput(real * metrics["class_real"] + fake * metrics["class_fake"], metrics)

    def g_term(play: Play) -> TermOutput:
        loss = classification_loss(named(play, _judged(play.fake, "the auxiliary classifier")), play.fake_labels)
        return TermOutput(generator * loss, {"class_fake": loss})

    return Regularizer("auxiliary", d_term=d_term, g_term=g_term, heads=(("classifier", head),))


def code_posterior(
    head: Module, *, prior: Any, categorical: float = 0.0, continuous: float = 0.0
) -> Regularizer | None:
    """InfoGAN (Chen et al. 2016, arXiv:1606.03657, eq. 5 and 6): the codes in the latent are found again in the image,
    by both players; None where both weights are 0.

    As in openai/InfoGAN, Q shares D's body and is moved by D's optimiser; the bound is in both losses.

    Args:
      head: Q, called as (features [B, F], train=) -> (logits of each categorical code, mean [B, k], log of the
        deviation [B, k]); moved with D as the net 'q'.
      prior: :class:`jaxgan.latent.Prior`, which says which part of the latent is code.
      categorical, continuous: weights (openai/InfoGAN: 1 and 1; the paper's lambda).
    """
    if off(categorical) and off(continuous):
        return None

    def bound(play: Play) -> tuple[TermOutput, Variables]:
        features = _judged(play.fake, "InfoGAN's posterior")
        (logits, mean, log_deviation), moved = apply(head, play.nets["q"], features, train=True)
        classes, codes = prior.codes(play.z)
        loss: Array = jnp.zeros(())
        metrics: Metrics = {}
        for index, (found, code) in enumerate(zip(logits, classes)):
            metrics[f"code_{index}"] = categorical_information_loss(found, code)
            loss += categorical * metrics[f"code_{index}"]
        if prior.continuous:
            metrics["continuous_codes"] = gaussian_information_loss(mean, log_deviation, codes)
            loss += continuous * metrics["continuous_codes"]
        return TermOutput(loss, metrics), moved

    def d_term(play: Play) -> TermOutput:
        added, moved = bound(play)
        return added._replace(moved={"q": moved})

    return Regularizer("information", d_term=d_term, g_term=lambda play: bound(play)[0], heads=(("q", head),))
