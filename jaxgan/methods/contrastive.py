"""Contrastive learning of images and captions: each belongs to its own in a batch (CLIP: Radford et al. 2021,
arXiv:2103.00020, figure 3).
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import optax
from jax import Array

from jaxgan.methods import forward
from jaxgan.nn import from_uint8
from jaxgan.training.method import Batch, Method
from jaxgan.training.state import Metrics, TrainState, Variables, create_state
from jaxgan.training.update import Aux, Module, apply, player_update

DUAL = "dual"


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Contrastive(Method):
    """Moves 'p' by the cross entropy of either direction: which caption is the image's, which image the caption's. It
    draws nothing.

    Attributes:
      network: (images, tokens, train=) -> (directions of images, of captions, scale); see
        :class:`jaxgan.networks.dual_encoder.DualEncoder`.
      optimizers: of 'p'.
      tokens: the batch's field of captions.
    """

    network: Module
    optimizers: Mapping[str, optax.GradientTransformation]
    tokens: str = "prefix"

    players = {"p": (DUAL,)}  # noqa: RUF012 (a constant)
    averaged = (DUAL,)

    def init(self, rng: Array, batch: Batch) -> TrainState:
        """A fresh network and its optimizer; of ``batch`` only the shapes matter."""
        images, tokens = from_uint8(batch["image"][:2]), batch[self.tokens][:2]
        found = self.network.init(forward.initial_keys(rng), images, tokens, train=True)
        return create_state({DUAL: {**found}}, self.players, self.optimizers)

    def step(self, state: TrainState, batch: Batch, rng: Array) -> tuple[TrainState, Metrics]:
        """One update on the whole batch."""
        images, tokens = from_uint8(batch["image"]), batch[self.tokens]

        def loss_fn(nets: dict[str, Variables]) -> tuple[Array, Aux]:
            found, _ = apply(self.network, nets[DUAL], images, tokens, train=True, rngs=forward.streams(rng))
            one, other, scale = found
            logits, own = scale * one @ other.T, jnp.arange(images.shape[0])
            losses = [optax.softmax_cross_entropy_with_integer_labels(x, own).mean() for x in (logits, logits.T)]
            right = (logits.argmax(1) == own).mean()
            return (losses[0] + losses[1]) / 2, Aux(metrics={"accuracy": right, "scale": scale})

        state, metrics, _ = player_update(self, state, "p", loss_fn)
        return state, metrics

    def similarity(self, nets: dict[str, Variables], images: Array, tokens: Array) -> Array:
        """The cosine of each image [B, H, W, C] float in [-1, 1] and its caption's tokens int [B, L]: [B]."""
        (one, other, _), _ = apply(self.network, nets[DUAL], images, tokens, train=False)
        found: Any = (one * other).sum(-1)
        return jnp.asarray(found)
