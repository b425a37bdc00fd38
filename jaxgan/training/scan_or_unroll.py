"""scan_or_unroll: repeat by ``lax.scan``, or unrolled where XLA is faster so."""

from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp

from jaxgan.parallel import platform

Carry = TypeVar("Carry")


def scan_or_unroll(
    body: Callable[[Carry, Any], tuple[Carry, Any]], carry: Carry, xs: Any, *, unroll: bool | None = None
) -> tuple[Carry, Any]:
    """``lax.scan(body, carry, xs)``, unrolled where that is faster.

    On XLA:CPU a convolution inside a loop leaves the fast path and runs 30 to 50 times slower, so there the body is
    written out; on TPU and GPU a scan compiles once for all iterations.

    Args:
      body: (carry, x) -> (carry, y), as for ``lax.scan``.
      carry: the state.
      xs: a tree of arrays with a leading axis of iterations.
      unroll: True or False to choose; None decides by the platform that the program is for.

    Returns:
      ``(carry, ys)``, ys stacked along a new leading axis.
    """
    count = jax.tree.leaves(xs)[0].shape[0]
    if unroll is None:
        unroll = platform() == "cpu"
    if not unroll and count > 1:
        return jax.lax.scan(body, carry, xs)
    ys = []
    for index in range(count):
        carry, y = body(carry, jax.tree.map(lambda x: x[index], xs))  # noqa: B023 (used at once)
        ys.append(y)
    return carry, jax.tree.map(lambda *leaves: jnp.stack(leaves), *ys)
