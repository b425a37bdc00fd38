"""Autoregressive models of pixels: one player that maximises the likelihood, and draws pixel by pixel (van den Oord et
al. 2016, arXiv:1601.06759).
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import Array

from jaxgan.methods import forward
from jaxgan.methods.latents import label_of
from jaxgan.training.method import Batch, Method, Option
from jaxgan.training.state import Metrics, TrainState, Variables, create_state
from jaxgan.training.update import Aux, Module, apply, player_update


def categorical_nats(logits: Array, levels: Array) -> Array:
    """-log p [B] of levels int [B, ...] whose logits [B, ..., levels] are given."""
    each = optax.softmax_cross_entropy_with_integer_labels(logits, levels)
    return each.reshape(each.shape[0], -1).sum(1)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Autoregressive(Method):
    """Moves 'p' by the negative log-likelihood of pixels.

    Attributes:
      network: (levels int [B, H, W, C], labels, train=) -> what ``nats_of`` reads, logits [B, H, W, C, levels] unless
        that is given; ``draw`` draws.
      optimizers: of 'p'.
      levels: of a channel: 2 reads bytes above 127 as 1, 256 takes bytes as they are, others in equal ranges.
      image_shape: (H, W, C).
      num_classes: of the condition; 0 for none.
      nats_of: (what the network gives, levels) -> -log p [B] of images.
      data_dependent: whether the network is initialised on data; it is, on the first batch.
    """

    network: Module
    optimizers: Mapping[str, optax.GradientTransformation]
    levels: int
    image_shape: tuple[int, int, int]
    num_classes: int = 0
    nats_of: Callable[[Array, Array], Array] = categorical_nats
    data_dependent: bool = False

    players = {"p": ("p",)}  # noqa: RUF012 (a constant)
    averaged = ("p",)
    # A picture whose upper rows are kept.
    optional_conditions = ("image",)
    options = {"temperature": Option(1.0, low=1e-3), "kept_rows": Option(0, low=0)}  # noqa: RUF012

    @property
    def conditions(self) -> tuple[str, ...]:  # type: ignore[override]
        """The class, where there are classes."""
        return ("label",) if self.num_classes else ()

    def values_of(self, image: Array) -> Array:
        """Bytes uint8 [B, H, W, C] as levels int32."""
        return image.astype(jnp.int32) * self.levels // 256

    def init(self, rng: Array, batch: Batch) -> TrainState:
        """A fresh network and its optimizer; of ``batch`` only the shapes matter."""
        few = {name: value[:2] for name, value in batch.items()}
        return create_state({"p": self._fresh(rng, few)}, self.players, self.optimizers)

    def _fresh(self, rng: Array, batch: Batch) -> Variables:
        values, labels = self.values_of(batch["image"]), label_of(batch)
        return {**self.network.init(forward.initial_keys(rng), values, labels, train=True)}

    @property
    def prepares_stage(self) -> bool:
        """Where the network is initialised on data."""
        return self.data_dependent

    def begin_stage(self, state: TrainState, batch: Batch, rng: Array) -> TrainState:
        """The state with the network initialised on ``batch``, and its average, where there is one."""
        p = self._fresh(rng, batch)
        ema = {name: jax.tree.map(jnp.copy, p) for name in state.ema}
        return state.replace(nets=state.nets | {"p": p}, ema=ema)

    def step(self, state: TrainState, batch: Batch, rng: Array) -> tuple[TrainState, Metrics]:
        """One update by the mean nats of the batch."""

        def loss_fn(nets: dict[str, Variables]) -> tuple[Array, Aux]:
            nats = self._nats(nets, batch, train=True, rng=rng).mean()
            return nats, Aux(metrics={"bits_per_dim": nats / (_dimensions(self.image_shape) * jnp.log(2.0))})

        state, metrics, _ = player_update(self, state, "p", loss_fn)
        return state, metrics

    def nats(self, nets: dict[str, Variables], batch: Batch, rng: Array) -> Array:
        """-log p of each image's levels, [B] float32; exact."""
        return self._nats(nets, batch, train=False, rng=rng)

    def _nats(self, nets: dict[str, Variables], batch: Batch, *, train: bool, rng: Array) -> Array:
        values = self.values_of(batch["image"])
        rngs = forward.streams(rng) if train else None
        found, _ = apply(self.network, nets["p"], values, label_of(batch), train=train, rngs=rngs)
        return self.nats_of(found, values)

    def sample(self, nets: dict[str, Variables], batch: Batch, rng: Array) -> dict[str, Array]:
        """'image' [B, H, W, C] in [-1, 1], drawn pixel by pixel at the option 'temperature'; where there is a
        ``batch['image']``, below its upper 'kept_rows', which stay.
        """
        del rng
        options: dict[str, Any] = batch["options"]  # type: ignore[assignment]
        height, width, channels = self.image_shape
        keys = batch["key"]
        given = jnp.full((keys.shape[0], height, width, channels), -1, jnp.int32)
        if "image" in batch:
            kept = (jnp.arange(height) < options["kept_rows"]).reshape(1, height, 1, 1)
            given = jnp.where(kept, self.values_of(batch["image"]), given)
        labels = label_of(batch) if self.num_classes else jnp.zeros((keys.shape[0],), jnp.int32)
        temperature = jnp.asarray(options["temperature"], jnp.float32)
        drawn: Any = self.network.apply(nets["p"], keys, labels, (height, width), temperature, given, method="draw")
        return {"image": drawn.astype(jnp.float32) * (2 / (self.levels - 1)) - 1}


def _dimensions(shape: tuple[int, ...]) -> int:
    height, width, channels = shape
    return height * width * channels
