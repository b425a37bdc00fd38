"""Regression: the generator of a game trained by itself, by the distance of its images from the true ones (SRResNet of
SRGAN, arXiv:1609.04802, section 2.2), which draws the mean of what is possible.
"""

import dataclasses
from collections.abc import Mapping

import optax
from jax import Array

from jaxgan.methods import forward
from jaxgan.methods.gan import GAN
from jaxgan.methods.inputs import input_of
from jaxgan.objectives import reconstruction
from jaxgan.training.method import Batch, Method
from jaxgan.training.state import Metrics, TrainState, Variables
from jaxgan.training.update import Aux, player_update


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Regression(Method):
    """Moves 'g' of ``game`` alone; it initialises and draws as the game does.

    Attributes:
      game: whose generator, latents and target these are; its conditions must come from the data.
      optimizers: of 'g'.
      distance: 'squared' or 'absolute', a mean over all numbers.
      weight: of it in the loss.
    """

    game: GAN
    optimizers: Mapping[str, optax.GradientTransformation]
    distance: str = "squared"
    weight: float = 1.0

    players = {"g": ("g",)}  # noqa: RUF012 (a constant)
    averaged = ("g",)

    @property
    def conditions(self) -> tuple[str, ...]:  # type: ignore[override]
        """Those of the game."""
        return self.game.conditions

    @property
    def target(self) -> str | None:
        """The field that outputs are to equal, the game's."""
        return self.game.target

    @property
    def input_multiple(self) -> int:
        """The game's."""
        return self.game.input_multiple

    def init(self, rng: Array, batch: Batch) -> TrainState:
        """The game's state."""
        return self.game.init(rng, batch)

    def step(self, state: TrainState, batch: Batch, rng: Array) -> tuple[TrainState, Metrics]:
        """One update of G on the whole batch."""
        game, images = self.game, input_of(batch, self.game.target)
        z, condition = game.latents.draw(rng, batch)

        def loss_fn(nets: dict[str, Variables]) -> tuple[Array, Aux]:
            drawn, mutated = forward.generate(game.generator, nets["g"], z, condition, rng)
            apart = reconstruction(drawn, images, distance=self.distance)
            return self.weight * apart, Aux({"g": mutated}, {"reconstruction": apart})

        state, metrics, _ = player_update(self, state, "g", loss_fn)
        return state, metrics

    def sample(self, nets: dict[str, Variables], batch: Batch, rng: Array) -> dict[str, Array]:
        """As the game."""
        return self.game.sample(nets, batch, rng)

    def batch_moments(self, nets: dict[str, Variables], batch: Batch, rng: Array) -> dict[str, Variables]:
        """As the game."""
        return self.game.batch_moments(nets, batch, rng)
