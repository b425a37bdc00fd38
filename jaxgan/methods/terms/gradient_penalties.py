"""Penalties on the gradient of D in its input, as an addition to the game."""

from collections.abc import Callable

from jax import Array

from jaxgan.methods.regularizer import Labels, Play, Regularizer, TermOutput, off
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

    Gradients are of logits in the images before they are augmented, as in StyleGAN2-ADA's and R3GAN's code.

    Args:
      gp: lambda of WGAN-GP (Gulrajani et al. 2017, arXiv:1704.00028: 10), between real and fake.
      gp_target, gp_one_sided: the norm asked for, and whether smaller ones are free.
      dragan: lambda of DRAGAN (Kodali et al. 2017, arXiv:1705.07215: 10), around real.
      r1: gamma of R1, on real, as in gamma / 2 |grad|^2 (Mescheder et al. 2018, arXiv:1801.04406: 10).
      r2: gamma of R2, on fake (same paper; R3GAN, arXiv:2501.05441).
      zero_centred: lambda of the zero-centred penalty between real and fake (Thanh-Tung et al. 2019, arXiv:1902.03984).
      every: on every n-th step alone, n times as strong.

    Raises:
      ValueError: where ``every`` is not positive.
    """
    if every < 1:
        raise ValueError(f"penalties every={every} steps: give a number, at least 1")
    if all(off(weight) for weight in (gp, dragan, r1, r2, zero_centred)):
        return None

    def term(play: Play) -> TermOutput:
        def critic_of(labels: Labels) -> Callable[[Array], Array]:
            return lambda images: play.critic(images, labels).logits

        on_real, on_fake = critic_of(play.labels), critic_of(play.fake_labels)
        rng, found = play.rng, {}
        if not off(gp):
            penalty = gradient_penalty(on_real, play.images, play.fakes, rng, target=gp_target, one_sided=gp_one_sided)
            found["gp"] = (gp, penalty)
        if not off(dragan):
            found["dragan"] = (dragan, dragan_penalty(on_real, play.images, rng))
        if not off(r1):
            found["r1"] = (r1, r1_penalty(on_real, play.images))
        if not off(r2):
            found["r2"] = (r2, r2_penalty(on_fake, play.fakes))
        if not off(zero_centred):
            found["zero_centred"] = (zero_centred, zero_centred_penalty(on_real, play.images, play.fakes, rng))
        metrics: Metrics = {name: penalty for name, (_, penalty) in found.items()}
        return TermOutput(sum(weight * penalty for weight, penalty in found.values()), metrics)  # type: ignore[arg-type]

    return Regularizer("gradient_penalties", d_term=term, every=every, by_rows=off(dragan))
