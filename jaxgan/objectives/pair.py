"""AdversarialLoss: the type of two-player losses, a pair of pure functions of logits."""

from collections.abc import Callable
from typing import NamedTuple

from jax import Array


class AdversarialLoss(NamedTuple):
    """A pair of losses. Logits are [B], or [B, S] where a discriminator gives S of them per image; means are over all.

    Attributes:
      discriminator: (real logits, fake logits) -> [] loss.
      generator: (fake logits) -> [] loss; where ``paired``, (fake logits, real logits) -> [] loss.
      paired: whether the generator's side needs logits of real images as well.
      estimate: a name, and what the logits estimate under it, (real logits, fake logits) -> []; ``None`` where the
        loss is no estimate of a distance.
    """

    discriminator: Callable[[Array, Array], Array]
    generator: Callable[..., Array]
    paired: bool = False
    estimate: tuple[str, Callable[[Array, Array], Array]] | None = None


def same_shape(real: Array, fake: Array) -> None:
    """Checks that one logit goes with the other.

    Raises:
      ValueError: naming both shapes, where they differ.
    """
    if real.shape != fake.shape:
        raise ValueError(f"real and fake logits must have one shape, got real {real.shape} and fake {fake.shape}")
