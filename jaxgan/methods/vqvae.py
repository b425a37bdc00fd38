"""VQ-VAE: an autoencoder of discrete codes (van den Oord et al. 2017, arXiv:1711.00937, eq. 3; several levels of them,
VQ-VAE-2: Razavi et al. 2019, arXiv:1906.00446, algorithm 1).
"""

import dataclasses
from collections.abc import Mapping

import jax.numpy as jnp
import optax
from jax import Array

from jaxgan.methods import forward
from jaxgan.methods.coder import codes_of, decoded
from jaxgan.nn import from_uint8
from jaxgan.training.method import Batch, Method
from jaxgan.training.state import Metrics, TrainState, Variables, create_state
from jaxgan.training.update import Aux, Module, apply, player_update


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class VQVAE(Method):
    """Moves 'autoencoder' by the mean squared error of what comes back and the losses of its quantisers; it draws what
    comes back of pictures that it is given.

    Attributes:
      autoencoder: (images, train=) -> (images, what each level's quantiser gave); see
        :class:`jaxgan.networks.vqvae.Autoencoder`.
      optimizers: of 'p'.
      variance: of the data in [-1, 1], that the error is divided by (Sonnet's example); 1 for the error as it is.
    """

    autoencoder: Module
    optimizers: Mapping[str, optax.GradientTransformation]
    variance: float = 1.0

    players = {"p": ("autoencoder",)}  # noqa: RUF012 (a constant)
    averaged = ("autoencoder",)
    # What comes back is compared with what went in.
    conditions = ("image",)

    @property
    def input_multiple(self) -> int:
        """The number that sides must be multiples of; others are padded and cropped back."""
        return getattr(self.autoencoder, "multiple", 1)

    @property
    def reductions(self) -> tuple[int, ...]:
        """See :class:`jaxgan.methods.coder.Coder`."""
        found: tuple[int, ...] = self.autoencoder.reductions  # type: ignore[attr-defined]
        return found

    def init(self, rng: Array, batch: Batch) -> TrainState:
        """A fresh network and its optimizer; of ``batch`` only the image's shape matters."""
        found = self.autoencoder.init(forward.initial_keys(rng), from_uint8(batch["image"][:2]), train=True)
        return create_state({"autoencoder": {**found}}, self.players, self.optimizers)

    def step(self, state: TrainState, batch: Batch, rng: Array) -> tuple[TrainState, Metrics]:
        """One update on the whole batch; logs each level's perplexity and the share of its codes in use, from the
        bottom up.
        """
        images = from_uint8(batch["image"])

        def loss_fn(nets: dict[str, Variables]) -> tuple[Array, Aux]:
            streams = forward.streams(rng)
            (back, levels), mutated = apply(self.autoencoder, nets["autoencoder"], images, train=True, rngs=streams)
            error = jnp.square(back - images).mean()
            metrics = {"error": error}
            for number, level in enumerate(levels):
                metrics |= {f"perplexity_{number}": level.perplexity, f"usage_{number}": level.usage}
            loss = error / self.variance + sum(level.loss for level in levels)
            return loss, Aux({"autoencoder": mutated}, metrics)

        state, metrics, _ = player_update(self, state, "p", loss_fn)
        return state, metrics

    def sample(self, nets: dict[str, Variables], batch: Batch, rng: Array) -> dict[str, Array]:
        """'image': what comes back of ``batch['image']``, clipped to [-1, 1]."""
        del rng
        (back, _), _ = apply(self.autoencoder, nets["autoencoder"], from_uint8(batch["image"]), train=False)
        return {"image": jnp.clip(back, -1, 1)}

    def codes(self, nets: dict[str, Variables], images: Array) -> tuple[Array, ...]:
        """See :class:`jaxgan.methods.coder.Coder`."""
        return codes_of(self.autoencoder, nets, images)

    def decode(self, nets: dict[str, Variables], codes: tuple[Array, ...]) -> Array:
        """See :class:`jaxgan.methods.coder.Coder`."""
        return decoded(self.autoencoder, nets, codes)
