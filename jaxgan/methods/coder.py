"""Codes of an autoencoder: pictures to grids of codes and back, and grids to rows of tokens."""

import math
from collections.abc import Sequence
from typing import Protocol

import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxgan.nn import from_uint8
from jaxgan.training.state import Variables
from jaxgan.training.update import Module, apply

Grids = Sequence[tuple[int, int]]
AUTOENCODER = "autoencoder"


class Coder(Protocol):
    """A method whose nets are an autoencoder of codes: :class:`jaxgan.methods.vqvae.VQVAE`,
    :class:`jaxgan.methods.vqgan.VQGAN`.
    """

    @property
    def reductions(self) -> tuple[int, ...]:
        """Of each grid of codes, the side of an image over its own, from the bottom up."""
        ...

    def codes(self, nets: dict[str, Variables], images: Array) -> tuple[Array, ...]:
        """Each level's codes int32 [B, h, w] of images uint8 [B, H, W, C], from the bottom up."""
        ...

    def decode(self, nets: dict[str, Variables], codes: tuple[Array, ...]) -> Array:
        """Images [B, H, W, C] float in [-1, 1] of each level's codes int [B, h, w], from the bottom up."""
        ...


def codes_of(autoencoder: Module, nets: dict[str, Variables], images: Array) -> tuple[Array, ...]:
    """:meth:`Coder.codes` of a network with ``encode``."""
    levels, _ = apply(autoencoder, nets[AUTOENCODER], from_uint8(images), train=False, method="encode")
    return tuple(level.codes for level in levels)


def decoded(autoencoder: Module, nets: dict[str, Variables], codes: tuple[Array, ...]) -> Array:
    """:meth:`Coder.decode` of a network with ``vectors`` and ``decode``."""

    def of_codes(network: Module, codes: tuple[Array, ...], *, train: bool) -> Array:
        del train
        return network.decode(network.vectors(codes))  # type: ignore[attr-defined]

    found, _ = apply(autoencoder, nets[AUTOENCODER], codes, train=False, method=of_codes)
    return jnp.clip(found, -1, 1)


def to_tokens(codes: Sequence[Array]) -> Array:
    """Each level's codes int [B, h, w], from the bottom up, as one row of tokens [B, L]: the top level first."""
    return jnp.concatenate([level.reshape(level.shape[0], -1) for level in reversed(codes)], axis=1)


def from_tokens(tokens: Array, grids: Grids) -> tuple[Array, ...]:
    """The inverse of :func:`to_tokens`; ``grids`` are (h, w) of each level, from the bottom up."""
    ends = np.cumsum([math.prod(grid) for grid in reversed(grids)])[:-1]
    parts = jnp.split(tokens, ends, axis=1)
    return tuple(part.reshape(-1, *grid) for part, grid in zip(reversed(parts), grids, strict=True))
