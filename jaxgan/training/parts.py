"""A loss over a batch in equal parts, with the memory of one part."""

from collections.abc import Callable
from typing import Any

import jax
from jax import Array

from jaxgan.parallel import join_interleaved, split_interleaved
from jaxgan.training.scan_or_unroll import scan_or_unroll


def mean_over_parts(
    fn: Callable[[Array, Any], Array], x: Array, rest: Any, parts: int, *, unroll: bool | None = None
) -> Array:
    """mean over k of fn(x_k, rest_k), where the batch is cut in interleaved parts.

    The gradient with respect to ``x`` is computed with the value, part by part, so that one part's intermediate values
    live at a time and nothing is run twice. There is no gradient to anything else.

    Args:
      fn: (x [B / parts, ...], rest) -> [] loss, a mean over its rows.
      x: [B, ...].
      rest: a tree of arrays [B, ...].
      parts: 1 is ``fn(x, rest)``.
      unroll: see :func:`jaxgan.training.scan_or_unroll.scan_or_unroll`.

    Raises:
      ValueError: where ``parts`` does not divide B.
    """
    if parts == 1:
        return fn(x, rest)
    split = jax.tree.map(lambda leaf: split_interleaved(leaf, parts), (jax.lax.stop_gradient(x), rest))

    def body(carry: None, part: tuple[Array, Any]) -> tuple[None, tuple[Array, Array]]:
        return carry, jax.value_and_grad(fn)(*part)

    _, (values, grads) = scan_or_unroll(body, None, split, unroll=unroll)
    # A function linear in x that has this gradient, and adds nothing to the value.
    along = (join_interleaved(*grads) * x).sum() / parts
    return values.mean() + (along - jax.lax.stop_gradient(along))
