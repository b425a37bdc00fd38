"""Historical averaging: a player's parameters stay near their mean over the past."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxgan.methods.regularizer import Context, Regularizer, Term, TermOutput, is_zero
from jaxgan.objectives import historical_average_penalty
from jaxgan.training.state import Metrics, TrainState, Variables


def historical_averaging(*, g: float = 0.0, d: float = 0.0) -> Regularizer | None:
    """Historical averaging (arXiv:1606.03498, section 3.3): |theta - mean of theta over all steps so far|^2 for each
    player; None where both weights are 0. The means lie in ``extra['historical']``.
    """
    weights = {name: weight for name, weight in (("g", g), ("d", d)) if not is_zero(weight)}
    if not weights:
        return None

    def init(nets: dict[str, Variables], fakes: Any) -> dict[str, Any]:
        del fakes
        return {name: jax.tree.map(jnp.copy, nets[name]["params"]) for name in weights}

    def term_of(name: str) -> Term | None:
        def term(context: Context) -> TermOutput:
            average = context.extra["historical"][name]
            penalty = historical_average_penalty(context.nets[name]["params"], average)
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
