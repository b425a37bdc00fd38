"""Calls of a method's ``refresh`` between two steps."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
from jax.sharding import Mesh

from jaxgan.training.errors import UserError
from jaxgan.training.method import Method
from jaxgan.training.state import TrainState
from jaxgan.training.step import compile_step, make_refresh, refresh_key


@dataclasses.dataclass(frozen=True)
class Refresher:
    """Calls of a compiled ``refresh``, one block after another.

    Attributes:
      call: (state, {}, key) -> (state, ...), compiled.
      every: before each so many steps of the stage.
      blocks: calls before a step.
      after_block: called after each.
    """

    call: Callable[..., Any]
    every: int
    blocks: int
    after_block: Callable[[], None]

    def __call__(self, state: TrainState, rng: jax.Array, step: int) -> TrainState:
        """The state after all blocks before ``step``."""
        key = refresh_key(rng, step)
        for _ in range(self.blocks):
            state, _ = self.call(state, {}, key)
            jax.block_until_ready(state.step)
            self.after_block()
        return state


def make_refresher(
    method: Method, mesh: Mesh, shardings: Any, *, steps_per_dispatch: int, after_block: Callable[[], None]
) -> Refresher | None:
    """The calls of the method's ``refresh``; None where it has none.

    Raises:
      UserError: where a dispatch would step over one.
    """
    due = method.refresh_due
    if due is None:
        return None
    if due.every % steps_per_dispatch:
        raise UserError(
            f"training.steps_per_dispatch={steps_per_dispatch}: the method prepares its state before every {due.every} "
            f"steps, which {steps_per_dispatch} does not divide; choose a divisor of {due.every}"
        )
    return Refresher(compile_step(make_refresh(method), mesh, shardings), due.every, due.blocks, after_block)
