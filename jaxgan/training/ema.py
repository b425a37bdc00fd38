"""Exponential moving averages of networks."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxgan.training.state import Variables


def decay_for_half_life(half_life_images: float, images_per_step: int) -> float:
    """The decay at which a weight halves after ``half_life_images`` images: runs at any batch size then average alike
    (arXiv:1912.04958).
    """
    return 0.5 ** (images_per_step / half_life_images)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ema:
    """Averages every collection of the named nets, buffers too (BigGAN-PyTorch and StudioGAN; compare_gan only
    parameters).

    Attributes:
      nets: names.
      decay: weight of the old average (BigGAN: 0.9999).
      start_step: before it the average copies, so that it never holds the initial weights (BigGAN: 20,000; CIFAR:
        1,000).
    """

    nets: tuple[str, ...]
    decay: float = 0.9999
    start_step: int = 0

    def init(self, nets: dict[str, Variables]) -> dict[str, Variables]:
        """Copies, in buffers of their own: an alias would be donated twice."""
        return {name: jax.tree.map(jnp.copy, nets[name]) for name in self.nets}

    def update(self, ema: dict[str, Variables], nets: dict[str, Variables], step: Array) -> dict[str, Variables]:
        """The averages after ``step`` completed steps."""
        copying = step < self.start_step

        def blend(old: Any, new: Any) -> Any:
            if not jnp.issubdtype(new.dtype, jnp.inexact):
                return new
            return jnp.where(copying, new, self.decay * old + (1.0 - self.decay) * new)

        return {name: jax.tree.map(blend, ema[name], nets[name]) for name in self.nets}


def averaged(nets: dict[str, Variables], ema: dict[str, Variables]) -> dict[str, Variables]:
    """``nets`` with averages in the place of those that have one: what is sampled and scored."""
    return nets | ema
