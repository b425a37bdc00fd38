"""Variational autoencoder: one player that maximises a lower bound of the likelihood (Kingma & Welling 2013,
arXiv:1312.6114), and the importance-weighted bound that measures it (Burda et al. 2015, arXiv:1509.00519).
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import Array

from jaxgan.methods import forward
from jaxgan.nn import from_uint8
from jaxgan.objectives import gaussian_kl
from jaxgan.objectives.likelihood import bernoulli_nats, discretised_logistic_nats, gaussian_nats
from jaxgan.training.method import Batch, Method, Option
from jaxgan.training.state import Metrics, TrainState, Variables, create_state
from jaxgan.training.update import Aux, Module, apply, player_update

LIKELIHOODS = ("bernoulli", "gaussian", "discretised_logistic")
# The decoder's numbers for each channel of a pixel.
PARAMETERS = {"bernoulli": 1, "gaussian": 2, "discretised_logistic": 2}


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class VAE(Method):
    """Moves 'encoder' and 'decoder' by the negative evidence lower bound, in nats summed over pixels.

    Attributes:
      encoder: (images, train=) -> (mean, log of the variance) [B, z_dim].
      decoder: (z, train=) -> [B, H, W, C, numbers], as many as ``PARAMETERS`` says.
      optimizers: of 'p'.
      z_dim: numbers of a latent.
      likelihood: of pixels: 'bernoulli' (bytes are 0 or 255), 'gaussian' (a density of values in [-1, 1]) or
        'discretised_logistic' (of the 256 levels).
      beta: weight of the KL (beta-VAE: Higgins et al. 2017); 1 for the bound.
    """

    encoder: Module
    decoder: Module
    optimizers: Mapping[str, optax.GradientTransformation]
    z_dim: int
    likelihood: str = "bernoulli"
    beta: float = 1.0

    players = {"p": ("encoder", "decoder")}  # noqa: RUF012 (a constant)
    averaged = ("encoder", "decoder")
    # A picture that is encoded, in place of a latent that is drawn.
    optional_conditions = ("image",)
    options = {  # noqa: RUF012
        # Of the importance-weighted bound; 1 is the evidence lower bound.
        "samples": Option(1, choices=(1, 5, 50, 500, 5000)),
        "draw": Option("mean", choices=("mean", "pixels")),
        # One dimension of the latent, and what it is set to; -1 for none.
        "dim": Option(-1, low=-1),
        "value": Option(0.0),
    }

    def __post_init__(self) -> None:
        if self.likelihood not in LIKELIHOODS:
            raise ValueError(f"likelihood={self.likelihood!r}; choose from {', '.join(LIKELIHOODS)}")

    @property
    def latent_shapes(self) -> Any:
        """[z_dim] float32."""
        return jax.ShapeDtypeStruct((self.z_dim,), jnp.float32)

    def init(self, rng: Array, batch: Batch) -> TrainState:
        """Fresh networks and their optimizer; of ``batch`` only the image's shape matters."""
        first, second = jax.random.split(rng)
        images = from_uint8(batch["image"][:2])
        encoder = {**self.encoder.init(forward.initial_keys(first), images, train=True)}
        decoder = {**self.decoder.init(forward.initial_keys(second), jnp.zeros((2, self.z_dim)), train=True)}
        return create_state({"encoder": encoder, "decoder": decoder}, self.players, self.optimizers)

    def step(self, state: TrainState, batch: Batch, rng: Array) -> tuple[TrainState, Metrics]:
        """One update by the bound of the whole batch, one latent an image."""

        def loss_fn(nets: dict[str, Variables]) -> tuple[Array, Aux]:
            (mean, log_variance), _ = apply(self.encoder, nets["encoder"], from_uint8(batch["image"]), train=True)
            z = mean + jnp.exp(0.5 * log_variance) * jax.random.normal(rng, mean.shape)
            reconstruction = self._pixel_nats(nets, z, batch["image"], train=True).mean()
            divergence = gaussian_kl(mean, log_variance).mean()
            metrics = {"reconstruction": reconstruction, "kl": divergence, "elbo": -reconstruction - divergence}
            return reconstruction + self.beta * divergence, Aux(metrics=metrics)

        state, metrics, _ = player_update(self, state, "p", loss_fn)
        return state, metrics

    def nats(self, nets: dict[str, Variables], batch: Batch, rng: Array) -> Array:
        """Minus the importance-weighted bound of each image (arXiv:1509.00519, eq. 8), [B] float32; of one sample minus
        an unbiased estimate of the evidence lower bound.
        """
        samples: int = batch["options"]["samples"]  # type: ignore[assignment]
        (mean, log_variance), _ = apply(self.encoder, nets["encoder"], from_uint8(batch["image"]), train=False)
        deviation = jnp.exp(0.5 * log_variance)

        def log_weight(number: Array) -> Array:
            draw = lambda key: jax.random.normal(jax.random.fold_in(key, number), (self.z_dim,))  # noqa: E731
            noise = jax.vmap(draw)(batch["key"])
            z = mean + deviation * noise
            # log p(z) - log q(z | x): the constants of both are the same.
            ratio = (-0.5 * jnp.square(z) + 0.5 * jnp.square(noise) + 0.5 * log_variance).sum(-1)
            return ratio - self._pixel_nats(nets, z, batch["image"], train=False)

        def add(total: Array, number: Array) -> tuple[Array, None]:
            return jnp.logaddexp(total, log_weight(number)), None

        start = log_weight(jnp.zeros((), jnp.int32))
        if samples == 1:
            return -start
        total, _ = jax.lax.scan(add, start, jnp.arange(1, samples))
        return math.log(samples) - total

    def sample(self, nets: dict[str, Variables], batch: Batch, rng: Array) -> dict[str, Array]:
        """'image': each pixel's mean, or with the option ``draw='pixels'`` a draw of it, clipped to [-1, 1].

        Of ``batch['z']``, or where there is a ``batch['image']`` of its code, the encoder's mean; the option 'dim'
        names the number of either that becomes 'value'.
        """
        del rng
        options: dict[str, Any] = batch["options"]  # type: ignore[assignment]
        z = batch["z"]
        if "image" in batch:
            (z, _), _ = apply(self.encoder, nets["encoder"], from_uint8(batch["image"]), train=False)
        z = jnp.where(jnp.arange(self.z_dim)[None] == options["dim"], options["value"], z)
        return {"image": self.decode(nets, z, batch["key"], pixels=options["draw"] == "pixels")}

    def decode(self, nets: dict[str, Variables], z: Array, keys: Array, *, pixels: bool = False) -> Array:
        """Images [B, H, W, C] float in [-1, 1] of latents [B, z_dim]: means, or draws under a key a row."""
        found, _ = apply(self.decoder, nets["decoder"], z, train=False)
        if self.likelihood == "bernoulli":
            share = jax.nn.sigmoid(found[..., 0])
            if not pixels:
                return 2 * share - 1
            uniform = jax.vmap(lambda key: jax.random.uniform(key, share.shape[1:]))(keys)
            return jnp.where(uniform < share, 1.0, -1.0)
        mean = found[..., 0]
        if not pixels:
            return jnp.clip(mean, -1, 1)
        noise = jax.random.normal if self.likelihood == "gaussian" else jax.random.logistic
        drawn = jax.vmap(lambda key: noise(key, mean.shape[1:]))(keys)
        return jnp.clip(mean + jnp.exp(found[..., 1]) * drawn, -1, 1)

    def _pixel_nats(self, nets: dict[str, Variables], z: Array, image: Array, *, train: bool) -> Array:
        found, _ = apply(self.decoder, nets["decoder"], z, train=train)
        if self.likelihood == "bernoulli":
            return bernoulli_nats(found[..., 0], (image > 127).astype(jnp.float32))
        if self.likelihood == "gaussian":
            return gaussian_nats(found[..., 0], found[..., 1], from_uint8(image))
        return discretised_logistic_nats(found[..., 0], found[..., 1], image.astype(jnp.int32))
