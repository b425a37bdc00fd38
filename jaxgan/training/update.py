"""The vocabulary of a method: apply a network, play one player, override parameters, act every n-th step."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn
from jax import Array

from jaxgan.parallel import gather, path_name
from jaxgan.training.noise_scale import noise_scale, squared_norm
from jaxgan.training.scan_or_unroll import scan_or_unroll
from jaxgan.training.state import Metrics, TrainState, Variables

if TYPE_CHECKING:
    from jaxgan.training.method import Method

# What methods hold: they need no Linen of their own.
Module = nn.Module

# loss_fn(nets) -> (loss, (mutated collections by net, metrics))
LossFn = Callable[[dict[str, Variables]], tuple[Array, tuple[dict[str, Variables], Metrics]]]


def _gathered(variables: Variables) -> Variables:
    """``variables`` whole on every device, but for weights that spectral normalisation divides on each device's part
    and then gathers itself.
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
      collect: further collections to bring out, such as ``('moments',)``.

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


def _in_parts(
    loss_and_grads: Callable[[Any], tuple[Any, Any]], params: Any, parts: Any, unroll: bool | None
) -> tuple[Any, Any, Array]:
    """Means over parts of losses, metrics and gradients, the last part's collections, and the mean squared norm of a
    part's gradient.
    """
    count = jax.tree.leaves(parts)[0].shape[0]

    def body(total: Any, part: Any) -> tuple[Any, Any]:
        (loss, (mutated, metrics)), grads = loss_and_grads(part)
        return jax.tree.map(jnp.add, total, grads), (loss, mutated, metrics, squared_norm(grads))

    zeros = jax.tree.map(jnp.zeros_like, params)
    total, (losses, mutated, metrics, squares) = scan_or_unroll(body, zeros, parts, unroll=unroll)
    # Power iteration starts every part from the same vector, so that all of them move it alike: once.
    last = jax.tree.map(lambda x: x[-1], mutated)
    means = jax.tree.map(lambda x: x.mean(0), (losses, metrics))
    return (means[0], (last, means[1])), jax.tree.map(lambda x: x / count, total), squares.mean()


def play(
    method: "Method",
    state: TrainState,
    player: str,
    loss_fn: Callable[..., Any],
    *,
    parts: Any = None,
    noise_of: int | None = None,
    unroll: bool | None = None,
) -> tuple[TrainState, Metrics]:
    """One optimiser step of one player: only its own nets' parameters move.

    Args:
      method: says which nets the player moves, and with which optimiser.
      state: the state before.
      player: a key of ``method.players``.
      loss_fn: takes all nets; returns the loss and ``(mutated, metrics)``: collections to keep, by net, and scalars to
        log. See :data:`LossFn`.
      parts: a tree of arrays [K, ...]: ``loss_fn`` is then called with each of K parts as its second argument, one
        after another, and the player moves once, by the mean of their gradients. Collections are those of the last
        part.
      noise_of: examples that the parts make up together: log the gradient noise scale, see
        :func:`jaxgan.training.noise_scale.noise_scale`. Needs two parts or more.
      unroll: of the parts, see :func:`jaxgan.training.scan_or_unroll.scan_or_unroll`.

    Returns:
      The state after (``step`` as before), and ``player/loss``, ``player/grad_norm`` and ``player/<metric>`` for each
      of the metrics.
    """
    params = {name: state.nets[name]["params"] for name in method.players[player]}

    def loss_and_grads(*part: Any) -> Any:
        return jax.value_and_grad(lambda p: loss_fn(override(state.nets, p), *part), has_aux=True)(params)

    noise: Metrics = {}
    if parts is None:
        (loss, (mutated, metrics)), grads = loss_and_grads()
    else:
        (loss, (mutated, metrics)), grads, small = _in_parts(loss_and_grads, params, parts, unroll)
        if noise_of is not None:
            count = jax.tree.leaves(parts)[0].shape[0]
            noise = noise_scale(small, squared_norm(grads), batch_size=noise_of, parts=count)
    updates, opt = method.optimizers[player].update(grads, state.opt[player], params)
    nets = override(merge(state.nets, mutated), optax.apply_updates(params, updates))
    logged = {"loss": loss, "grad_norm": optax.tree.norm(grads), **metrics, **noise}
    return (
        state.replace(nets=nets, opt=state.opt | {player: opt}),
        {f"{player}/{name}": value for name, value in logged.items()},
    )


def every(step: Array, interval: int, fn: Callable[[TrainState], TrainState], state: TrainState) -> TrainState:
    """``fn(state)`` on steps that ``interval`` divides, else ``state``: lazy regularisation in one compiled program."""
    if interval == 1:
        return fn(state)
    return jax.lax.cond(step % interval == 0, fn, lambda s: s, state)
