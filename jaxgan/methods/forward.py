"""Forward passes that every two-player method shares: G, D on a batch, and D on real and fake together."""

from collections.abc import Mapping
from typing import Any

import jax
from jax import Array

from jaxgan.methods.regularizer import Conditioned, DiscriminatorOutput, Regularizer, augment_all
from jaxgan.nn import FEATURES, sown
from jaxgan.parallel import join_interleaved, split_interleaved
from jaxgan.training.state import TrainState, Variables
from jaxgan.training.update import Module, apply

# Keys that are folded in lie above the counts of regularizers and of rows.
_STREAMS = {"dropout": 2**20 + 3, "noise": 2**20 + 4, "mix": 2**20 + 5}


def streams(rng: Array) -> dict[str, Array]:
    """The random streams of a network's call in train mode: 'dropout', 'noise' (per-layer noise), 'mix' (styles)."""
    return {name: jax.random.fold_in(rng, number) for name, number in _STREAMS.items()}


def initial_keys(rng: Array) -> dict[str, Array]:
    """The random streams of a network's initialisation, all of one key."""
    return dict.fromkeys(("params", *_STREAMS), rng)


def without(mutated: Variables, collection: str) -> Variables:
    """``mutated`` less one collection."""
    return {name: value for name, value in mutated.items() if name != collection}


def generate(
    generator: Module,
    g: Variables,
    z: Array,
    condition: Any,
    rng: Array,
    *,
    collect: tuple[str, ...] = (),
    inputs: Mapping[str, Any] | None = None,
) -> tuple[Array, Variables]:
    """G in train mode.

    Args:
      generator: (z, condition, train=, **inputs) -> images.
      g: its variables.
      z: [B, z_dim].
      condition: any tree of [B, ...].
      rng: of its streams.
      collect: further collections to bring out.
      inputs: keywords that depend on the step, such as the alpha of a fade.

    Returns:
      ``(images, mutated collections)``.
    """
    return apply(generator, g, z, condition, train=True, collect=collect, rngs=streams(rng), **(inputs or {}))


def discriminate(
    discriminator: Module,
    regularizers: tuple[Regularizer, ...],
    state: TrainState,
    d: Variables,
    images: Array,
    condition: Any,
    rng: Array,
    *,
    inputs: Mapping[str, Any] | None = None,
) -> tuple[DiscriminatorOutput, Variables]:
    """D in train mode on augmented images.

    Args:
      discriminator: (images, condition, train=, **inputs) -> logits, one array or a tuple of one a scale.
      regularizers: whose augmentations D's input goes through.
      state: for their ``extra`` and the step.
      d: D's variables.
      images: [B, H, W, C] or [B, F].
      condition: any tree of [B, ...].
      rng: of the augmentations and of D's streams.
      inputs: keywords that depend on the step.

    Returns:
      ``(output, mutated collections)``.
    """
    images, condition = augment_all(regularizers, (images, condition), rng, state.extra, state.step)
    rngs = streams(rng) | {"dropout": jax.random.fold_in(rng, len(regularizers))}
    logits, mutated = apply(
        discriminator, d, images, condition, train=True, collect=(FEATURES,), rngs=rngs, **(inputs or {})
    )
    return output_of_discriminator(logits, mutated.pop(FEATURES, {})), mutated


def output_of_discriminator(logits: Any, features: Mapping[str, Any]) -> DiscriminatorOutput:
    """Logits (an array, or a tuple of one a scale) and the collection of sown features as one value."""
    return DiscriminatorOutput(tuple(logits) if isinstance(logits, tuple | list) else (logits,), sown(features))


def discriminate_both(
    discriminator: Module,
    regularizers: tuple[Regularizer, ...],
    state: TrainState,
    d: Variables,
    real: Conditioned,
    fake: Conditioned,
    rng: Array,
    *,
    joint: bool,
    inputs: Mapping[str, Any] | None = None,
) -> tuple[DiscriminatorOutput, DiscriminatorOutput, Variables]:
    """D on real and on fake, in one batch (``joint``) or one after the other; equal where D has no batch norm.

    Returns:
      ``(output on real, output on fake, mutated collections)``; power iteration moves once.
    """
    if joint:
        images, condition = jax.tree.map(join_interleaved, real, fake)
        both, mutated = discriminate(discriminator, regularizers, state, d, images, condition, rng, inputs=inputs)
        halves = jax.tree.map(lambda x: split_interleaved(x, 2), both)
        return jax.tree.map(lambda x: x[0], halves), jax.tree.map(lambda x: x[1], halves), mutated
    first, mutated = discriminate(discriminator, regularizers, state, d, *real, rng, inputs=inputs)
    # Batch statistics see one pass after the other; power iteration starts both from the same vector.
    then = {**d, **without(mutated, "spectral")}
    later = jax.random.fold_in(rng, 1)
    second, more = discriminate(discriminator, regularizers, state, then, *fake, later, inputs=inputs)
    return first, second, {**mutated, **without(more, "spectral")}
