"""Draws of grids larger than those that a transformer was trained on (VQGAN: Esser et al. 2021, arXiv:2012.09841,
section 3.2 and figure 4; code CompVis/taming-transformers, ``scripts/sample_conditional.py``).
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array


def window_start(place: Array, side: int, window: int) -> Array:
    """The first row, or column, of the window in which ``place`` of a ``side`` is drawn: as near to its middle as the
    side's ends allow.
    """
    return jnp.clip(place - window // 2, 0, side - window)


def draw_by_windows(
    logits_at: Callable[[Array, Array, Array, Array], Array],
    choose: Callable[[Array, Array], Array],
    keys: Array,
    given: Array,
    window: tuple[int, int],
    *,
    first: int,
) -> Array:
    """Draws codes row by row, each given those before it in its window; one whole pass over a window a code.

    Args:
      logits_at: (codes int [B, h, w] of a window, its first row [], its first column [], the code's number in the
        window []) -> [B, V]; it looks at no code from that number on.
      choose: (keys [B], logits [B, V]) -> tokens int [B].
      keys: [B], a row's own randomness.
      given: int [B, H, W], codes that stay where they are not negative.
      window: (h, w), at most (H, W).
      first: folded into a row's key with the first code, and counted up from there.

    Returns:
      int32 [B, H, W].

    Raises:
      ValueError: on a window larger than the grid.
    """
    (rows, height, width), (h, w) = given.shape, window
    if h > height or w > width:
        raise ValueError(f"a grid of {height}x{width} codes is smaller than the window of {h}x{w}")

    def place(codes: Array, number: Array) -> tuple[Array, None]:
        row, column = number // width, number % width
        top, left = window_start(row, height, h), window_start(column, width, w)
        seen = jnp.maximum(jax.lax.dynamic_slice(codes, (0, top, left), (rows, h, w)), 0)
        logits = logits_at(seen, top, left, (row - top) * w + column - left)
        own = jax.vmap(lambda key: jax.random.fold_in(key, number + first))(keys)
        drawn = choose(own, logits).astype(jnp.int32)[:, None, None]
        known = jax.lax.dynamic_slice(codes, (0, row, column), (rows, 1, 1))
        return jax.lax.dynamic_update_slice(codes, jnp.where(known < 0, drawn, known), (0, row, column)), None

    codes, _ = jax.lax.scan(place, given.astype(jnp.int32), jnp.arange(height * width))
    return codes
