"""dVAE: an autoencoder of discrete codes that are relaxed while it trains (DALL-E: Ramesh et al. 2021,
arXiv:2102.12092, section 2.1 and appendix A.2).
"""

import dataclasses
from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array

from jaxgan.methods import forward
from jaxgan.methods.coder import AUTOENCODER
from jaxgan.nn import from_uint8
from jaxgan.nn.gumbel_softmax import gumbel_softmax, uniform_kl
from jaxgan.objectives.likelihood import logit_laplace_nats
from jaxgan.training.method import Batch, Method
from jaxgan.training.state import Metrics, TrainState, Variables, create_state
from jaxgan.training.update import Aux, Module, apply, player_update

# Pixels are brought to [EDGE, 1 - EDGE]: logits of 0 and 1 are infinite.
EDGE = 0.1


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class DVAE(Method):
    """Moves 'autoencoder' by the nats of pixels, and beta times the codes' from uniform ones, both a pixel's channel.

    Attributes:
      autoencoder: with ``logits`` and ``pixels``; see :class:`jaxgan.networks.dvae.Autoencoder`.
      optimizers: of 'p'.
      temperature: (step) -> [] of the relaxed codes.
      beta: (step) -> [], weight of the nats of codes.
    """

    autoencoder: Module
    optimizers: Mapping[str, optax.GradientTransformation]
    temperature: Callable[[Array], Array]
    beta: Callable[[Array], Array]

    players = {"p": (AUTOENCODER,)}  # noqa: RUF012 (a constant)
    averaged = (AUTOENCODER,)
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
        images = to_open_range(from_uint8(batch["image"][:2]))
        found = self.autoencoder.init(forward.initial_keys(rng), images, train=True)
        return create_state({AUTOENCODER: {**found}}, self.players, self.optimizers)

    def step(self, state: TrainState, batch: Batch, rng: Array) -> tuple[TrainState, Metrics]:
        """One update on the whole batch."""
        images = to_open_range(from_uint8(batch["image"]))
        temperature, beta = self.temperature(state.step), self.beta(state.step)
        pixels = np.prod(images.shape[1:])

        def loss_fn(nets: dict[str, Variables]) -> tuple[Array, Aux]:
            variables = nets[AUTOENCODER]
            logits = self._logits(variables, images)
            shares = gumbel_softmax(forward.streams(rng)["noise"], logits, temperature)
            (mean, log_scale), _ = apply(self.autoencoder, variables, shares, train=True, method=_pixels)
            nats = logit_laplace_nats(mean, log_scale, images).mean() / pixels
            kl = uniform_kl(logits)
            used = jax.nn.one_hot(logits.argmax(-1), logits.shape[-1]).reshape(-1, logits.shape[-1]).mean(0)
            metrics = {
                "nats_per_dim": nats,
                "kl": kl.mean(),
                "temperature": temperature,
                "beta": beta,
                "perplexity": jnp.exp(-(used * jnp.log(used + 1e-10)).sum()),
                "usage": (used > 0).mean(),
            }
            return nats + beta * kl.reshape(kl.shape[0], -1).sum(1).mean() / pixels, Aux(metrics=metrics)

        state, metrics, _ = player_update(self, state, "p", loss_fn)
        return state, metrics

    def _logits(self, variables: Variables, images: Array) -> Array:
        found, _ = apply(self.autoencoder, variables, images, train=True, method=_logits)
        logits: Array = found
        return logits

    def sample(self, nets: dict[str, Variables], batch: Batch, rng: Array) -> dict[str, Array]:
        """'image': what comes back of ``batch['image']`` through its likeliest codes, in [-1, 1]."""
        del rng
        return {"image": self.decode(nets, self.codes(nets, batch["image"]))}

    def codes(self, nets: dict[str, Variables], images: Array) -> tuple[Array, ...]:
        """The likeliest codes; see :class:`jaxgan.methods.coder.Coder`."""
        logits = self._logits(nets[AUTOENCODER], to_open_range(from_uint8(images)))
        return (logits.argmax(-1).astype(jnp.int32),)

    def decode(self, nets: dict[str, Variables], codes: tuple[Array, ...]) -> Array:
        """The middle of pixels' distributions; see :class:`jaxgan.methods.coder.Coder`."""
        (grid,) = codes
        shares = jax.nn.one_hot(grid, self.autoencoder.codes)  # type: ignore[attr-defined]
        (mean, _), _ = apply(self.autoencoder, nets[AUTOENCODER], shares, train=False, method=_pixels)
        return from_open_range(jax.nn.sigmoid(mean))


def to_open_range(images: Array) -> Array:
    """[-1, 1] -> [0.1, 0.9]."""
    return (images + 1) / 2 * (1 - 2 * EDGE) + EDGE


def from_open_range(values: Array) -> Array:
    """The inverse of :func:`to_open_range`, clipped to [-1, 1]."""
    return jnp.clip((values - EDGE) / (1 - 2 * EDGE), 0, 1) * 2 - 1


def _logits(network: Module, images: Array, *, train: bool) -> Array:
    del train
    found: Array = network.logits(images)  # type: ignore[attr-defined]
    return found


def _pixels(network: Module, shares: Array, *, train: bool) -> tuple[Array, Array]:
    del train
    found: tuple[Array, Array] = network.pixels(shares)  # type: ignore[attr-defined]
    return found
