"""Player updates: apply a network, take one player's optimizer step, act on every n-th step only."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import optax
from flax import linen as nn
from jax import Array

from jaxgan.parallel import gather, path_name
from jaxgan.training.state import Metrics, TrainState, Variables

if TYPE_CHECKING:
    from jaxgan.training.method import Method

# What methods hold: they need no Linen of their own.
Module = nn.Module


class Aux(NamedTuple):
    """Auxiliary output of a loss function, next to its loss.

    Attributes:
      mutated: net -> collections that the forward passes moved, to be kept (batch statistics, power-iteration vectors).
      metrics: name -> [] to log.
      extra: name -> new value of that entry of the state's ``extra``.
      kept: arrays [B, ...] handed to the caller, such as fakes that the next player is shown.
    """

    mutated: dict[str, Variables] = {}  # noqa: RUF012 (a tuple's default, never written to)
    metrics: Metrics = {}  # noqa: RUF012
    extra: dict[str, Any] = {}  # noqa: RUF012
    kept: Any = None


class Update(NamedTuple):
    """A player's update: the state after it, metrics as ``player/name``, and what the loss kept (:class:`Aux`)."""

    state: TrainState
    metrics: Metrics
    kept: Any


# loss_fn(nets) -> (loss, Aux)
LossFn = Callable[[dict[str, Variables]], tuple[Array, Aux]]


def _gathered(variables: Variables) -> Variables:
    """``variables`` whole on every device, except weights that spectral normalisation divides on each device's part and
    then gathers itself.
    """
    spectral = {path_name(path[:-1]) for path, _ in jax.tree_util.tree_leaves_with_path(variables.get("spectral", {}))}

    def one(path: tuple[Any, ...], leaf: Array) -> Array:
        return leaf if leaf.ndim > 1 and path_name(path[:-1]) in spectral else gather(leaf)

    return {
        **gather({k: v for k, v in variables.items() if k != "params"}),
        "params": jax.tree_util.tree_map_with_path(one, variables["params"]),
    }


def apply(
    module: nn.Module, variables: Variables, *args: Any, train: bool, collect: tuple[str, ...] = (), **kwargs: Any
) -> tuple[Any, Variables]:
    """Runs a network.

    In train mode every collection but the parameters may move; in evaluation none does. Parameters that rules split
    over the mesh are gathered before use: here, or, where a layer normalises its weight, there, once that is done.

    Args:
      module: a Linen module that takes ``train``.
      variables: its collections.
      *args, **kwargs: passed on.
      train: the mode.
      collect: further collections to bring out, such as ``('batch_moments',)``.

    Returns:
      ``(output, mutated collections)``, the second empty in evaluation.
    """
    mutable = [name for name in variables if name != "params"] if train else []
    output, mutated = module.apply(_gathered(variables), *args, train=train, mutable=[*mutable, *collect], **kwargs)
    return output, dict(mutated)


def override(nets: dict[str, Variables], params: dict[str, Any]) -> dict[str, Variables]:
    """``nets`` with the parameters of some of them replaced."""
    return nets | {name: {**nets[name], "params": value} for name, value in params.items()}


def merge(nets: dict[str, Variables], mutated: dict[str, Variables]) -> dict[str, Variables]:
    """``nets`` with some collections of some of them replaced."""
    return nets | {name: {**nets[name], **collections} for name, collections in mutated.items()}


def player_params(method: "Method", state: TrainState, player: str) -> dict[str, Any]:
    """The parameters that a player moves, by net."""
    return {name: state.nets[name]["params"] for name in method.players[player]}


def apply_gradients(
    method: "Method", state: TrainState, player: str, grads: dict[str, Any], loss: Array, aux: Aux
) -> Update:
    """One optimizer step of ``player`` with gradients that were taken already, and what its loss handed out.

    Args:
      method: names the player's nets and its optimizer.
      state: before.
      player: a key of ``method.players``.
      grads: net -> gradients of that net's parameters.
      loss: [], for the log.
      aux: of the loss.

    Returns:
      The state after (``step`` as before), and ``player/loss``, ``player/grad_norm`` and ``player/<metric>`` for each
      of the metrics.
    """
    params = player_params(method, state, player)
    updates, opt = method.optimizers[player].update(grads, state.opt[player], params)
    nets = override(merge(state.nets, aux.mutated), optax.apply_updates(params, updates))
    logged = {"loss": loss, "grad_norm": optax.tree.norm(grads), **aux.metrics}
    new = state.replace(nets=nets, opt=state.opt | {player: opt}, extra=state.extra | aux.extra)
    return Update(new, {f"{player}/{name}": value for name, value in logged.items()}, aux.kept)


def player_update(method: "Method", state: TrainState, player: str, loss_fn: LossFn) -> Update:
    """One optimizer step of one player: only its own nets' parameters move.

    Args:
      method: names the player's nets and its optimizer.
      state: before.
      player: a key of ``method.players``.
      loss_fn: takes all nets; returns the loss and :class:`Aux`.

    Returns:
      As :func:`apply_gradients`.
    """
    params = player_params(method, state, player)
    (loss, aux), grads = jax.value_and_grad(lambda p: loss_fn(override(state.nets, p)), has_aux=True)(params)
    return apply_gradients(method, state, player, grads, loss, aux)


def every(
    step: Array,
    interval: int,
    fn: Callable[[TrainState], tuple[TrainState, Metrics]],
    state: TrainState,
    last: Metrics,
) -> tuple[TrainState, Metrics]:
    """``fn(state)`` on steps that ``interval`` divides, else ``(state, last)``: lazy regularization in one program.

    Args:
      step: [] int32.
      interval: 1 for every step.
      fn: state -> (state, metrics).
      state: before.
      last: metrics of the step on which ``fn`` last ran, so that any step can log them.
    """
    if interval == 1:
        return fn(state)
    return jax.lax.cond(step % interval == 0, fn, lambda s: (s, last), state)
