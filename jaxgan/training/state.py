"""TrainState: the one pytree that training moves, keyed by net and player."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import flax.struct
import jax
import jax.numpy as jnp
import optax
from jax import Array

Variables = dict[str, Any]
Metrics = dict[str, Array]


@flax.struct.dataclass
class TrainState:
    """Everything a run carries from step to step, keyed by name.

    Attributes:
      step: [] int32, completed steps.
      nets: what ``module.apply`` takes, by net: params, batch_stats, spectral, ...
      opt: optimiser states, by player.
      ema: averaged copies of any subset of ``nets``.
      extra: arrays a method owns (replay pool, path-length mean, ...).
      frozen: networks that nobody moves; not checkpointed.
    """

    step: Array
    nets: dict[str, Variables]
    opt: dict[str, optax.OptState]
    ema: dict[str, Variables] = flax.struct.field(default_factory=dict)
    extra: dict[str, Any] = flax.struct.field(default_factory=dict)
    frozen: dict[str, Variables] = flax.struct.field(default_factory=dict)

    if TYPE_CHECKING:  # flax adds it

        def replace(self, **changes: Any) -> "TrainState":
            """A copy with some fields changed."""
            raise NotImplementedError


def create_state(
    nets: dict[str, Variables],
    players: Mapping[str, Iterable[str]],
    optimizers: Mapping[str, optax.GradientTransformation],
    *,
    extra: dict[str, Any] | None = None,
    frozen: dict[str, Variables] | None = None,
) -> TrainState:
    """A state at step 0, with a fresh optimiser state for each player and no averages yet."""
    opt = _fresh(nets, players, optimizers)
    return TrainState(step=jnp.zeros((), jnp.int32), nets=nets, opt=opt, extra=extra or {}, frozen=frozen or {})


def fresh_optimizers(
    state: TrainState,
    players: Mapping[str, Iterable[str]],
    optimizers: Mapping[str, optax.GradientTransformation],
) -> TrainState:
    """``state`` with the optimiser states of these players as they are at step 0: moments and schedules start anew."""
    return state.replace(opt=state.opt | _fresh(state.nets, players, optimizers))


def _fresh(
    nets: dict[str, Variables],
    players: Mapping[str, Iterable[str]],
    optimizers: Mapping[str, optax.GradientTransformation],
) -> dict[str, optax.OptState]:
    return {player: optimizers[player].init({n: nets[n]["params"] for n in names}) for player, names in players.items()}


def count_parameters(variables: Variables) -> int:
    """The number of trainable values of a net (arrays or shapes)."""
    return sum(leaf.size for leaf in jax.tree.leaves(variables.get("params", {})))
