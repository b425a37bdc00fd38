"""What G is asked for beside fooling D: matching features, spread latents, and staying near where it was."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxgan.methods.regularizer import Play, Regularizer, TermOutput, off
from jaxgan.objectives import feature_matching, historical_average_penalty, mode_seeking
from jaxgan.parallel import shard_batch
from jaxgan.training.state import Metrics, TrainState, Variables


def matched_features(*, weight: float = 0.0) -> Regularizer | None:
    """Feature matching (Salimans et al. 2016, arXiv:1606.03498, section 3.1): fakes have the mean features of real
    images; None where the weight is 0. The paper has it in the loss's place: ``Adversarial.adversarial_weight=0``.
    """
    if off(weight):
        return None

    def term(play: Play) -> TermOutput:
        if play.real is None or play.fake is None:
            raise ValueError("feature matching needs D's features of both real and fake images")
        real, fake = play.real.shown("feature matching"), play.fake.shown("feature matching")
        penalty = feature_matching(jax.lax.stop_gradient(real), fake)
        return TermOutput(weight * penalty, {"feature_matching": penalty})

    return Regularizer("feature_matching", g_term=term, by_rows=False, needs_real=True)


def seek_modes(*, weight: float = 0.0, prior: Any) -> Regularizer | None:
    """The mode-seeking term (Mao et al. 2019, arXiv:1903.05628, eq. 3): two latents under one label must give images as
    far apart as the latents are; None where the weight is 0.

    Args:
      weight: lambda_ms (the paper: 1).
      prior: of the latents: the second is drawn anew.
    """
    if off(weight):
        return None

    def term(play: Play) -> TermOutput:
        other = prior(shard_batch(jax.random.normal(play.rng, play.z.shape, jnp.float32)))
        images = play.generate(other, play.fake_labels)
        penalty = mode_seeking(play.fakes, images, play.z, other)
        return TermOutput(weight * penalty, {"mode_seeking": penalty})

    return Regularizer("mode_seeking", g_term=term, by_rows=False)


def historical_averaging(*, g: float = 0.0, d: float = 0.0) -> Regularizer | None:
    """Historical averaging (arXiv:1606.03498, section 3.3): |theta - mean of theta over all steps so far|^2 for either
    player; None where both weights are 0. The mean lies in ``extra['historical']``.
    """
    weights = {name: weight for name, weight in (("g", g), ("d", d)) if not off(weight)}
    if not weights:
        return None

    def init(nets: dict[str, Variables]) -> dict[str, Any]:
        return {name: jax.tree.map(jnp.copy, nets[name]["params"]) for name in weights}

    def term_of(name: str) -> Any:
        def term(play: Play) -> TermOutput:
            penalty = historical_average_penalty(play.nets[name]["params"], play.extra["historical"][name])
            return TermOutput(weights[name] * penalty, {"historical": penalty})

        return term if name in weights else None

    def update(averages: dict[str, Any], metrics: Metrics, state: TrainState) -> dict[str, Any]:
        del metrics
        # The initial weights count as the first of step + 2 values.
        share = 1.0 / (state.step + 2).astype(jnp.float32)

        def moved(average: Array, value: Array) -> Array:
            return average + share.astype(average.dtype) * (value - average)

        return {name: jax.tree.map(moved, averages[name], state.nets[name]["params"]) for name in averages}

    return Regularizer("historical", d_term=term_of("d"), g_term=term_of("g"), init=init, update=update)
