"""IMLE: a generator whose samples come near every example, without a discriminator (Li and Malik 2018,
arXiv:1809.09087, algorithm 1; with classes: Li et al. 2018, arXiv:1811.12373).
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import Array

from jaxgan.methods import forward
from jaxgan.methods.latents import Latents, label_of, truncation_options
from jaxgan.nn import from_uint8
from jaxgan.parallel import shard_batch
from jaxgan.training.method import Batch, Method, Option, Refresh
from jaxgan.training.state import Metrics, TrainState, Variables, create_state
from jaxgan.training.update import Aux, Module, apply, player_update

# The training set among the frozen networks, and what is kept of each example.
DATA, NEAREST = "data", "by_row"


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class IMLE(Method):
    """Moves 'g' by the squared distance of each example from the sample that was assigned to it.

    From time to time samples are drawn anew, as many times as there are examples, and each example is assigned the
    nearest: a matrix product a block of samples. With classes, it is the nearest of its own class.

    Attributes:
      generator: (z, labels, train=) -> images [B, H, W, C] in [-1, 1].
      optimizers: of 'g'.
      latents: z, and the classes that samples are drawn for.
      examples: of the training set.
      samples: drawn each time.
      block: samples that are compared at once.
      every: steps between two assignments.
      noise: deviation of what is added to an assigned z, once (the code's 0.01).
    """

    generator: Module
    optimizers: Mapping[str, optax.GradientTransformation]
    latents: Latents
    examples: int
    samples: int
    block: int
    every: int
    noise: float = 0.01

    players = {"g": ("g",)}  # noqa: RUF012 (a constant)
    averaged = ("g",)

    @property
    def latent_shapes(self) -> Any:
        """[z_dim] float32."""
        return self.latents.shapes

    @property
    def num_classes(self) -> int:  # type: ignore[override]
        """Classes that labels are drawn from; 0 for none."""
        return self.latents.num_classes

    @property
    def conditions(self) -> tuple[str, ...]:  # type: ignore[override]
        """The class, where there are classes."""
        return ("label",) if self.latents.num_classes else ()

    @property
    def options(self) -> Mapping[str, Option]:  # type: ignore[override]
        """Truncation."""
        return truncation_options(self.latents.prior)

    @property
    def refresh_due(self) -> Refresh:
        """Assignments, every so many steps, a block of samples at a time."""
        return Refresh(self.every, -(-self.samples // self.block))

    def init(self, rng: Array, batch: Batch) -> TrainState:
        """A fresh generator; nothing is assigned yet."""
        z, condition = self.latents.example(batch)
        nets = {"g": {**self.generator.init(forward.initial_keys(rng), z, condition, train=True)}}
        rows = padded_rows(self.examples)
        kept = {
            "z": jnp.zeros((rows, self.latents.z_dim), jnp.float32),
            "distance": jnp.full((rows,), jnp.inf, jnp.float32),
        }
        return create_state(
            nets, self.players, self.optimizers, extra={NEAREST: kept, "block": jnp.zeros((), jnp.int32)}
        )

    def refresh(self, state: TrainState, rng: Array) -> TrainState:
        """Draws one block of samples, and assigns them to the examples that they are the nearest to so far; the first
        block of an assignment forgets the one before.
        """
        kept, number = state.extra[NEAREST], state.extra["block"]
        rows = {"key": jnp.zeros((self.block,))}
        key, noise_key = jax.random.split(jax.random.fold_in(rng, number))
        z, labels = self.latents.draw(key, rows)
        made, _ = forward.generate(self.generator, state.nets["g"], z, labels, key)
        data = state.frozen[DATA][NEAREST]
        far = squared_distances(from_uint8(data["image"]), made)
        if self.latents.num_classes:
            far = jnp.where(data["label"][:, None] == labels[None], far, jnp.inf)
        nearest, distance = far.argmin(1), far.min(1)
        before = jnp.where(number == 0, jnp.inf, kept["distance"])
        closer = distance < before
        moved = z[nearest] + self.noise * jax.random.normal(noise_key, kept["z"].shape)
        new = {
            "z": jnp.where(closer[:, None], moved, kept["z"]),
            "distance": jnp.where(closer, distance, before),
        }
        after = (number + 1) % self.refresh_due.blocks
        return state.replace(extra=state.extra | {NEAREST: new, "block": after})

    def step(self, state: TrainState, batch: Batch, rng: Array) -> tuple[TrainState, Metrics]:
        """One update of G by the mean squared distance of the batch's examples from their samples."""
        images, kept = from_uint8(batch["image"]), state.extra[NEAREST]
        z = shard_batch(kept["z"][batch["index"]])
        known = kept["distance"][: self.examples]
        labels = label_of(batch)

        def loss_fn(nets: dict[str, Variables]) -> tuple[Array, Aux]:
            made, mutated = forward.generate(self.generator, nets["g"], z, labels, rng)
            distance = jnp.square(made - images).mean()
            return distance, Aux({"g": mutated}, {"assigned": jnp.where(jnp.isfinite(known), known, 0).mean()})

        state, metrics, _ = player_update(self, state, "g", loss_fn)
        return state, metrics

    def sample(self, nets: dict[str, Variables], batch: Batch, rng: Array) -> dict[str, Array]:
        """'image' [B, H, W, C] in [-1, 1] of ``batch['z']`` and, with classes, ``batch['label']``."""
        z, labels = self.latents.given(batch, rng)
        found, _ = apply(self.generator, nets["g"], z, labels, train=False)
        return {"image": found}

    def batch_moments(self, nets: dict[str, Variables], batch: Batch, rng: Array) -> dict[str, Any]:
        """The statistics of G's batch norms in train mode."""
        z, labels = self.latents.given(batch, rng)
        _, found = forward.generate(self.generator, nets["g"], z, labels, rng, collect=("batch_moments",))
        return {"g": found["batch_moments"]} if "batch_moments" in found else {}


def padded_rows(examples: int) -> int:
    """Rows that examples take: so many that any usual number of devices shares them equally."""
    return -(-examples // 512) * 512


def squared_distances(examples: Array, samples: Array) -> Array:
    """[N, M] mean squared differences of examples [N, ...] and samples [M, ...], by one matrix product."""
    a, b = examples.reshape(examples.shape[0], -1), samples.reshape(samples.shape[0], -1)
    products = a @ b.T
    squares = jnp.square(a).sum(1)[:, None] + jnp.square(b).sum(1)[None]
    return jnp.maximum(squares - 2 * products, 0) / a.shape[1]
