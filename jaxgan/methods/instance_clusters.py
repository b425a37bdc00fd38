"""Clusters of instances' features, from which sampling draws (pix2pixHD: Wang et al. 2017, arXiv:1711.11585, section
3.4).
"""

import dataclasses

import jax.numpy as jnp
from jax import Array

from jaxgan.methods.gan import GAN
from jaxgan.training.method import Batch, Method
from jaxgan.training.state import Metrics, TrainState, Variables
from jaxgan.training.update import apply


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class InstanceClusters(Method):
    """Moves nobody: a step clusters what the encoder of ``game`` finds in its examples, by k-means.

    Attributes:
      game: of a :class:`jaxgan.networks.pix2pixhd.InstanceGenerator`, by which it initialises and draws.
    """

    game: GAN

    players = {}  # noqa: RUF012 (a constant)
    optimizers = {}  # noqa: RUF012

    @property
    def conditions(self) -> tuple[str, ...]:  # type: ignore[override]
        """Those of the game."""
        return self.game.conditions

    @property
    def optional_conditions(self) -> tuple[str, ...]:  # type: ignore[override]
        """Those of the game."""
        return self.game.optional_conditions

    @property
    def target(self) -> str | None:
        """The field that outputs are compared with, the game's."""
        return self.game.target

    @property
    def input_multiple(self) -> int:
        """The game's."""
        return self.game.input_multiple

    def init(self, rng: Array, batch: Batch) -> TrainState:
        """The game's state."""
        return self.game.init(rng, batch)

    def begin_stage(self, state: TrainState, batch: Batch, rng: Array) -> TrainState:
        """The state without clusters."""
        del batch, rng
        g = state.nets["g"]
        empty = {name: jnp.zeros_like(value) for name, value in g["clusters"].items()}
        return state.replace(nets=state.nets | {"g": {**g, "clusters": empty}})

    def step(self, state: TrainState, batch: Batch, rng: Array) -> tuple[TrainState, Metrics]:
        """Takes in the instances of one batch; logs ``clusters/distance``, their mean distance from their centres."""
        del rng
        g, condition = state.nets["g"], self.game.latents.condition(batch)
        (clusters, distance), _ = apply(self.game.generator, g, condition, train=False, method="clustered")
        return state.replace(nets=state.nets | {"g": {**g, "clusters": clusters}}), {"clusters/distance": distance}

    def sample(self, nets: dict[str, Variables], batch: Batch, rng: Array) -> dict[str, Array]:
        """As the game."""
        return self.game.sample(nets, batch, rng)

    def batch_moments(self, nets: dict[str, Variables], batch: Batch, rng: Array) -> dict[str, Variables]:
        """As the game."""
        return self.game.batch_moments(nets, batch, rng)
