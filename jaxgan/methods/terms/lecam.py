"""LeCam regularization of D for little data."""

from typing import Any

import jax.numpy as jnp
from jax import Array

from jaxgan.methods.regularizer import Context, Regularizer, TermOutput, is_zero, mean_over_scales
from jaxgan.objectives import lecam_penalty, update_anchor
from jaxgan.training.state import Metrics, TrainState, Variables


def lecam(*, weight: float = 0.0, decay: float = 0.99, start_step: int = 1_000) -> Regularizer | None:
    """LeCam regularization (Tseng et al. 2021, arXiv:2104.03310): logits of real images stay near the running mean of
    those of fakes, and the other way round; None where the weight is 0.

    The running means, over all scales, move once a step, by the mean over its D updates.

    Args:
      weight: lambda (the paper: 0.3 to 0.01).
      decay: of the running means.
      start_step: the step from which it acts; before, the means settle.
    """
    if is_zero(weight):
        return None

    def init(nets: dict[str, Variables], fakes: Any) -> dict[str, Array]:
        del nets, fakes
        return {"real": jnp.zeros(()), "fake": jnp.zeros(())}

    def term(context: Context) -> TermOutput:
        anchors = context.extra["lecam"]
        if context.real is None or context.fake is None:
            raise ValueError("lecam needs D's logits of both real and fake images")

        def penalty(real: Array, fake: Array) -> Array:
            return lecam_penalty(real, fake, anchors["real"], anchors["fake"])

        value = mean_over_scales(penalty, context.real.logits, context.fake.logits)
        acting = jnp.where(context.step >= start_step, weight, 0.0)
        return TermOutput(acting * value, {"lecam": value})

    def update(anchors: dict[str, Array], metrics: Metrics, state: TrainState) -> dict[str, Array]:
        del state
        return {side: update_anchor(anchors[side], metrics[f"d/{side}"], decay) for side in anchors}

    return Regularizer("lecam", d_term=term, init=init, update=update)
