"""Optimisers by the numbers that configs hold."""

import optax


def adam(
    *, learning_rate: float, b1: float = 0.0, b2: float = 0.999, eps: float = 1e-8, warmup_steps: int = 0
) -> optax.GradientTransformation:
    """Adam (Kingma & Ba 2014, arXiv:1412.6980).

    Args:
      learning_rate: BigGAN: 5e-5 for G and 2e-4 for D.
      b1, b2: BigGAN: 0 and 0.999.
      eps: optax's 1e-8; BigGAN-PyTorch's scripts and StudioGAN use 1e-6.
      warmup_steps: rise linearly from 0 over so many of the player's updates.
    """
    schedule = optax.linear_schedule(0.0, learning_rate, warmup_steps) if warmup_steps else learning_rate
    return optax.adam(schedule, b1=b1, b2=b2, eps=eps)
