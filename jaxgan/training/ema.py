"""Exponential moving averages of networks."""

import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxgan.training.errors import UserError
from jaxgan.training.state import Variables


def decay_for_half_life(half_life_images: float, images_per_step: int) -> float:
    """The decay at which a weight halves after ``half_life_images`` images: runs at any batch size then average the
    same (arXiv:1912.04958).
    """
    return 0.5 ** (images_per_step / half_life_images)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ema:
    """Exponential moving averages of the named nets.

    Attributes:
      nets: names.
      decay: weight of the old average (BigGAN: 0.9999).
      start_step: before it the average copies, so that it never holds the initial weights (BigGAN: 20,000; CIFAR:
        1,000).
      buffers: of the collections other than the parameters: 'average' (BigGAN-PyTorch and StudioGAN) or 'copy'
        (StyleGAN's code).
      ramp_up: the average's half-life is at most this share of the steps so far (StyleGAN2-ADA's ``ema_rampup``, 0.05,
        which speaks of images: the batch size cancels), so that a young average forgets its start soon; None for the
        same decay throughout.
    """

    nets: tuple[str, ...]
    decay: float = 0.9999
    start_step: int = 0
    buffers: str = "average"
    ramp_up: float | None = None

    def __post_init__(self) -> None:
        if self.buffers not in ("average", "copy"):
            raise UserError(f"ema buffers={self.buffers!r}; choose from 'average', 'copy'")
        if self.ramp_up is not None and not (self.ramp_up > 0 and 0 < self.decay < 1):
            raise UserError(
                f"ema ramp_up={self.ramp_up} with decay={self.decay}: give a share above 0 and a decay between 0 and "
                "1, or None for no ramp"
            )
        if not 0 <= self.decay < 1:
            raise UserError(f"ema decay={self.decay}: give a number from 0 and below 1")

    def init(self, nets: dict[str, Variables]) -> dict[str, Variables]:
        """Copies, in buffers of their own: an alias would be donated twice."""
        return {name: jax.tree.map(jnp.copy, nets[name]) for name in self.nets}

    def decay_at(self, step: Array) -> float | Array:
        """The weight of the old average in the update after ``step`` completed steps, step >= 1."""
        if self.ramp_up is None:
            return self.decay
        half_life = math.log(0.5) / math.log(self.decay)
        # As NVIDIA's training_loop.py, which counts the images before the step; at first the average copies.
        return 0.5 ** (1.0 / jnp.clip((step - 1) * self.ramp_up, 1e-8, half_life))

    def update(self, ema: dict[str, Variables], nets: dict[str, Variables], step: Array) -> dict[str, Variables]:
        """``ema`` with the averages after ``step`` completed steps; those of other nets stay as they are."""
        copying = step < self.start_step
        decay = self.decay_at(step)

        def blend(old: Any, new: Any) -> Any:
            if not jnp.issubdtype(new.dtype, jnp.inexact):
                return new
            return jnp.where(copying, new, decay * old + (1.0 - decay) * new).astype(new.dtype)

        def one(old: Variables, new: Variables) -> Variables:
            if self.buffers == "average":
                return jax.tree.map(blend, old, new)
            return {**new, "params": jax.tree.map(blend, old["params"], new["params"])}

        return ema | {name: one(ema[name], nets[name]) for name in self.nets}
