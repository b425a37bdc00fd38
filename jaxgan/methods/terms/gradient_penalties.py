"""Gradient penalties on D in its input: WGAN-GP, DRAGAN, R1, R2, zero-centred, every step or lazily."""

from collections.abc import Callable
from typing import Any

from jax import Array

from jaxgan.methods.regularizer import Context, Regularizer, TermOutput, is_zero
from jaxgan.objectives import dragan_penalty, gradient_penalty, r1_penalty, r2_penalty, zero_centred_penalty
from jaxgan.training.state import Metrics


def gradient_penalties(
    *,
    gp: float = 0.0,
    gp_target: float = 1.0,
    gp_one_sided: bool = False,
    dragan: float = 0.0,
    r1: float = 0.0,
    r2: float = 0.0,
    zero_centred: float = 0.0,
    every: int = 1,
) -> Regularizer | None:
    """The weighted sum of penalties, each logged by its name; None where all weights are 0.

    Gradients are of logits (of several scales, their mean) in the images before they are augmented, as in
    StyleGAN2-ADA's and R3GAN's code.

    Args:
      gp: lambda of WGAN-GP (Gulrajani et al. 2017, arXiv:1704.00028: 10), between real and fake.
      gp_target, gp_one_sided: the norm asked for, and whether smaller ones are free.
      dragan: lambda of DRAGAN (Kodali et al. 2017, arXiv:1705.07215: 10), around real.
      r1: gamma of R1, on real, as in gamma / 2 |grad|^2 (Mescheder et al. 2018, arXiv:1801.04406: 10).
      r2: gamma of R2, on fake (same paper; R3GAN, arXiv:2501.05441).
      zero_centred: lambda of the zero-centred penalty between real and fake (Thanh-Tung et al. 2019, arXiv:1902.03984).
      every: on every n-th step only, n times as strong.

    Raises:
      ValueError: where ``every`` is not positive.
    """
    if every < 1:
        raise ValueError(f"penalties every={every} steps: give a number, at least 1")
    if all(is_zero(weight) for weight in (gp, dragan, r1, r2, zero_centred)):
        return None

    def term(context: Context) -> TermOutput:
        def critic_of(condition: Any) -> Callable[[Array], Array]:
            return lambda images: context.critic(images, condition).score()

        on_real, on_fake = critic_of(context.real_condition), critic_of(context.fake_condition)
        rng, found = context.rng, {}
        if not is_zero(gp):
            penalty = gradient_penalty(
                on_real, context.images, context.fakes, rng, target=gp_target, one_sided=gp_one_sided
            )
            found["gp"] = (gp, penalty)
        if not is_zero(dragan):
            found["dragan"] = (dragan, dragan_penalty(on_real, context.images, rng))
        if not is_zero(r1):
            found["r1"] = (r1, r1_penalty(on_real, context.images))
        if not is_zero(r2):
            found["r2"] = (r2, r2_penalty(on_fake, context.fakes))
        if not is_zero(zero_centred):
            found["zero_centred"] = (zero_centred, zero_centred_penalty(on_real, context.images, context.fakes, rng))
        metrics: Metrics = {name: penalty for name, (_, penalty) in found.items()}
        return TermOutput(sum(weight * penalty for weight, penalty in found.values()), metrics)  # type: ignore[arg-type]

    return Regularizer("gradient_penalties", d_term=term, every=every, per_example=is_zero(dragan))
