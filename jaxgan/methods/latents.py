"""Generator inputs: latents from a prior, and conditions drawn at random or taken from the data."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxgan.latent import TRUNCATION_MODES, Prior
from jaxgan.parallel import shard_batch
from jaxgan.training.method import Option

# What a method declares whose networks take N(0, I) as it is drawn: jaxgan.latent.draw_latents.
TRUNCATION_OPTIONS = {"truncation": Option(1.0, low=0.0), "truncation_mode": Option("none", choices=TRUNCATION_MODES)}


def rows_of(batch: dict[str, Any]) -> int:
    """B of a batch, which may hold scalars (options, the step) next to its arrays [B, ...]."""
    return next(x.shape[0] for x in jax.tree.leaves(batch) if x.ndim)


def label_of(batch: dict[str, Any]) -> Array:
    """``batch['label']`` [B]; zeros where the data has no labels."""
    return batch["label"] if "label" in batch else jnp.zeros((rows_of(batch),), jnp.int32)


def unmapped(z: Array) -> Array:
    """N(0, I) as it is."""
    return z


def truncation_options(prior: Callable[[Array], Array]) -> dict[str, Option]:
    """Truncation, of latents that a prior leaves N(0, I); none where their noise becomes something else."""
    normal = prior.kind == "normal" if isinstance(prior, Prior) else prior is unmapped
    return dict(TRUNCATION_OPTIONS) if normal else {}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Latents:
    """z ~ prior(N(0, I)) and a condition for each example.

    Attributes:
      z_dim: numbers of z; 0 for a generator of its condition alone, which is then called with z [B, 0].
      num_classes: classes that labels are drawn from, uniformly; 0 for none, and the labels are 0.
      prior: (z [B, z_dim]) -> what G is given; see :class:`jaxgan.latent.Prior`.
      from_data: fakes take the condition of the real example in the same row, rather than a uniform label.
      fields: of a batch, that the condition is made from; sampling must be given them.
      condition: (those fields) -> what G and D are told, any tree of [B, ...]; D is told it of real examples too.
    """

    z_dim: int
    num_classes: int = 0
    prior: Callable[[Array], Array] = unmapped
    from_data: bool = False
    fields: tuple[str, ...] = ("label",)
    condition: Callable[[dict[str, Any]], Any] = label_of

    @property
    def shapes(self) -> jax.ShapeDtypeStruct | None:
        """Of one row of N(0, I); None where z_dim is 0."""
        return jax.ShapeDtypeStruct((self.z_dim,), jnp.float32) if self.z_dim else None

    def draw(self, rng: Array, batch: dict[str, Any]) -> tuple[Array, Any]:
        """(z, condition) for as many fakes as ``batch`` has examples."""
        size = rows_of(batch)
        z_rng, label_rng = jax.random.split(rng)
        z = shard_batch(jax.random.normal(z_rng, (size, self.z_dim), jnp.float32))
        z = self.prior(z) if self.z_dim else z
        if self.from_data:
            return z, self.condition(batch)
        return z, shard_batch(jax.random.randint(label_rng, (size,), 0, max(1, self.num_classes), jnp.int32))

    def given(self, batch: dict[str, Any], rng: Array) -> tuple[Array, Any]:
        """(z, condition) for sampling: of ``batch['z']`` where it is there, else drawn of each row's ``batch['key']``,
        else of ``rng``.
        """
        size = rows_of(batch)
        condition = jax.tree.map(shard_batch, self.condition(batch))
        if not self.z_dim:
            return jnp.zeros((size, 0)), condition
        if "z" in batch:
            return self.prior(shard_batch(batch["z"])), condition
        keys = batch["key"] if "key" in batch else jax.random.split(rng, size)
        z = jax.vmap(lambda key: jax.random.normal(key, (self.z_dim,), jnp.float32))(keys)
        return self.prior(shard_batch(z)), condition

    def example(self, batch: dict[str, Any]) -> tuple[Array, Any]:
        """(z, condition) of two rows of zeros, for initialising networks."""
        z = jnp.zeros((2, self.z_dim), jnp.float32)
        two = jax.tree.map(lambda x: jnp.zeros((2, *x.shape[1:]), x.dtype), batch)
        condition = self.condition(two) if self.from_data else jnp.zeros((2,), jnp.int32)
        return self.prior(z) if self.z_dim else z, condition
