"""Top-k training: G learns from its most realistic images only."""

from collections.abc import Callable

from jax import Array

from jaxgan.objectives import top_k_fraction, top_k_weights


def top_k(*, minimum: float = 1.0, decay: float = 0.99, steps: int = 782) -> Callable[[Array, Array], Array] | None:
    """Weights of the fakes in G's loss, a ``GAN.fake_weights`` (Sinha et al. 2020, arXiv:2002.06224): from all of them
    down to a share of those with the largest logits; None where the minimum is 1.

    Args:
      minimum: nu, the least share; 1 for all of them, always.
      decay: gamma; the share is ``decay`` to the power of completed spans of ``steps`` steps.
      steps: of a span (the paper: 0.99 an epoch, on CIFAR-10).

    Raises:
      ValueError: where a share is not above 0, or a span has no step.
    """
    if not (minimum > 0 and 0 < decay <= 1 and steps >= 1):
        raise ValueError(
            f"top_k minimum={minimum}, decay={decay}, steps={steps}: give a minimum above 0, a decay above 0 and at "
            "most 1, and a step or more"
        )
    if minimum >= 1.0:
        return None

    def weights(logits: Array, step: Array) -> Array:
        return top_k_weights(logits, top_k_fraction(step, steps, decay=decay, minimum=minimum))

    return weights
