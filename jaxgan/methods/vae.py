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
from jaxgan.methods.inverse_graphics import InverseGraphics
from jaxgan.methods.vae_latents import VaeLatents
from jaxgan.nn import from_uint8
from jaxgan.objectives.likelihood import bernoulli_nats, discretised_logistic_nats, gaussian_nats
from jaxgan.training.method import Batch, Method, Option
from jaxgan.training.state import Metrics, TrainState, Variables, create_state
from jaxgan.training.update import Aux, Module, apply, player_update

LIKELIHOODS = ("bernoulli", "gaussian", "discretised_logistic")
# The decoder's numbers for each channel of a pixel.
PARAMETERS = {"bernoulli": 1, "gaussian": 2, "discretised_logistic": 2}
# Panels of the option 'traverse', by what the dimension is set to.
TRAVERSED = {f"at_{value:+d}" if value else "at_0": float(value) for value in range(-3, 4)}


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class VAE(Method):
    """Moves 'encoder' and 'decoder' by the negative evidence lower bound, in nats summed over pixels.

    Attributes:
      encoder: (images, train=) -> (mean, log of the variance) [B, numbers].
      decoder: (z, train=) -> [B, H, W, C, numbers], as many as ``PARAMETERS`` says.
      optimizers: of 'p'.
      latents: prior and posterior; see :mod:`jaxgan.methods.vae_latents`.
      likelihood: of pixels: 'bernoulli' (bytes are 0 or 255), 'gaussian' (a density of values in [-1, 1]) or
        'discretised_logistic' (of the 256 levels).
      beta: weight of the KL (beta-VAE: Higgins et al. 2017); 1 for the bound.
      inverse_graphics: batches in which one factor varies; None for batches as they are.
    """

    encoder: Module
    decoder: Module
    optimizers: Mapping[str, optax.GradientTransformation]
    latents: VaeLatents
    likelihood: str = "bernoulli"
    beta: float = 1.0
    inverse_graphics: InverseGraphics | None = None

    # A picture that is encoded, in place of a latent that is drawn.
    optional_conditions = ("image",)
    options = {  # noqa: RUF012
        # Of the importance-weighted bound; 1 is the evidence lower bound.
        "samples": Option(1, choices=(1, 5, 50, 500, 5000)),
        "draw": Option("mean", choices=("mean", "pixels")),
        # One dimension of the latent, and what it is set to; -1 for none.
        "dim": Option(-1, low=-1),
        "value": Option(0.0),
        # Further pictures, with the dimension at each of these.
        "traverse": Option(0, choices=(0, 1)),
    }

    def __post_init__(self) -> None:
        if self.likelihood not in LIKELIHOODS:
            raise ValueError(f"likelihood={self.likelihood!r}; choose from {', '.join(LIKELIHOODS)}")

    @property
    def players(self) -> Mapping[str, tuple[str, ...]]:  # type: ignore[override]
        """One, of both networks, and of the prior where it has parameters."""
        return {"p": self.averaged}

    @property
    def averaged(self) -> tuple[str, ...]:  # type: ignore[override]
        """All networks."""
        return ("encoder", "decoder", *(() if self.latents.prior is None else ("prior",)))

    @property
    def latent_shapes(self) -> Any:
        """The noise that the prior is drawn from, float32."""
        return jax.ShapeDtypeStruct((self.latents.prior_numbers,), jnp.float32)

    def init(self, rng: Array, batch: Batch) -> TrainState:
        """Fresh networks and their optimizer; of ``batch`` only the image's shape matters."""
        first, second, third = jax.random.split(rng, 3)
        images = from_uint8(batch["image"][:2])
        encoder = {**self.encoder.init(forward.initial_keys(first), images, train=True)}
        decoder = {**self.decoder.init(forward.initial_keys(second), jnp.zeros((2, self.latents.size)), train=True)}
        nets = {"encoder": encoder, "decoder": decoder}
        if self.latents.prior is not None:
            nets["prior"] = {**self.latents.prior.init(third)}
        return create_state(nets, self.players, self.optimizers)

    def step(self, state: TrainState, batch: Batch, rng: Array) -> tuple[TrainState, Metrics]:
        """One update by the bound of the whole batch, one latent an image."""

        image, factors = batch["image"], self.inverse_graphics
        if factors is not None:
            rng, drawn = jax.random.split(rng)
            image, varied, *_ = factors.rendered(image, drawn)

        def loss_fn(nets: dict[str, Variables]) -> tuple[Array, Aux]:
            found, _ = apply(self.encoder, nets["encoder"], from_uint8(image), train=True)
            noise = jax.random.normal(rng, found[0].shape)
            z, more, metrics = self.latents.posterior(found, noise, relaxed=True), jnp.zeros(()), {}
            if factors is not None:
                z, apart = factors.clamped(z, varied)
                more = metrics["invariance"] = apart.mean()
            reconstruction = self._pixel_nats(nets, z, image, train=True).mean()
            divergence = self.latents.divergence(nets.get("prior"), found, noise).mean()
            metrics |= {"reconstruction": reconstruction, "kl": divergence, "elbo": -reconstruction - divergence}
            return reconstruction + self.beta * divergence + more, Aux(metrics=metrics)

        state, metrics, _ = player_update(self, state, "p", loss_fn)
        return state, metrics

    def nats(self, nets: dict[str, Variables], batch: Batch, rng: Array) -> Array:
        """Minus the importance-weighted bound of each image (arXiv:1509.00519, eq. 8), [B] float32; of one sample minus
        an unbiased estimate of the evidence lower bound.
        """
        samples: int = batch["options"]["samples"]  # type: ignore[assignment]
        found, _ = apply(self.encoder, nets["encoder"], from_uint8(batch["image"]), train=False)

        def log_weight(number: Array) -> Array:
            draw = lambda key: jax.random.normal(jax.random.fold_in(key, number), found[0].shape[1:])  # noqa: E731
            noise = jax.vmap(draw)(batch["key"])
            z = self.latents.posterior(found, noise, relaxed=False)
            ratio = self.latents.log_ratio(nets.get("prior"), found, noise)
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

        Of the prior, drawn by ``batch['z']``, or where there is a ``batch['image']`` of its code: the encoder's mean,
        or its likeliest categories. The option 'dim' names the number, or the group of categories, that becomes
        'value'; with 'traverse' there are further panels with it at -3 to 3, ``TRAVERSED``.
        """
        del rng
        options: dict[str, Any] = batch["options"]  # type: ignore[assignment]
        if "image" in batch:
            found, _ = apply(self.encoder, nets["encoder"], from_uint8(batch["image"]), train=False)
            z = self.latents.posterior(found, jnp.zeros_like(found[0]), relaxed=False)
        else:
            z = self.latents.of_prior(nets.get("prior"), batch["z"])

        def shown(value: Any) -> Array:
            edited = self.latents.edited(z, options["dim"], value)
            return self.decode(nets, edited, batch["key"], pixels=options["draw"] == "pixels")

        further = {name: shown(value) for name, value in TRAVERSED.items()} if options["traverse"] else {}
        return {"image": shown(options["value"])} | further

    def decode(self, nets: dict[str, Variables], z: Array, keys: Array, *, pixels: bool = False) -> Array:
        """Images [B, H, W, C] float in [-1, 1] of latents [B, size]: means, or draws under a key a row."""
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
