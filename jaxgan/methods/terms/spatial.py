"""Conditions that are images move with their images when D's input is augmented."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array


def move_spatial(condition: Any, images: Array, move: Callable[[Array], Array]) -> Any:
    """``condition`` with ``move`` applied to every leaf that is an image, [B, H, W, C] of the height and width of
    ``images``; other leaves (classes, embeddings) stay.

    Raises:
      ValueError: where an image-like leaf is of integers, which resampling would blend, or of another size, which could
        not follow its image.
    """

    def one(x: Array) -> Array:
        if x.ndim != 4:
            return x
        if not jnp.issubdtype(x.dtype, jnp.floating):
            raise ValueError(
                f"D's input is augmented, and its condition holds a map of {x.dtype}, whose ids cannot be resampled: "
                "give it one-hot, as floats, in Latents.condition"
            )
        if x.shape[1:3] != images.shape[1:3]:
            raise ValueError(
                f"D's input is augmented, and a condition of {x.shape[1:3]} pixels cannot follow images of "
                f"{images.shape[1:3]}: give both one size"
            )
        return move(x)

    return jax.tree.map(one, condition)
