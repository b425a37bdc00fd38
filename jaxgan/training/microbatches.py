"""Micro-batches: gradients of a batch in parts that equal the whole batch's, and the gradient noise scale."""

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxgan.parallel import join_interleaved, split_interleaved
from jaxgan.training.noise_scale import noise_scale, squared_norm
from jaxgan.training.scan_or_unroll import scan_or_unroll
from jaxgan.training.state import TrainState, Variables
from jaxgan.training.update import Aux, Update, apply_gradients, override, player_params, player_update

if TYPE_CHECKING:
    from jaxgan.training.method import Method

# fn(x, rest) -> (loss, Aux), means over the rows of x [B, ...] and of the tree rest.
RowLoss = Callable[[Array, Any], tuple[Array, Aux]]
# mean(fn, x, rest) -> the same over all rows, a micro-batch at a time.
Mean = Callable[[RowLoss, Array, Any], tuple[Array, Aux]]


def split_batch(tree: Any, parts: int) -> Any:
    """Every leaf [parts * B, ...] as [parts, B, ...], interleaved: no row leaves its device."""
    return jax.tree.map(lambda x: split_interleaved(x, parts), tree)


def _merged(aux: Aux) -> Aux:
    """The parts' :class:`Aux`, each leaf with a leading axis of parts, as that of the whole batch.

    Metrics and numbers in ``extra`` are means. Collections are the last part's: power iteration starts every part from
    the same vector, so that all of them move it to the same place.
    """

    def mean(x: Array) -> Array:
        return x.mean(0) if jnp.issubdtype(x.dtype, jnp.inexact) else x[-1]

    return Aux(
        mutated=jax.tree.map(lambda x: x[-1], aux.mutated),
        metrics=jax.tree.map(lambda x: x.mean(0), aux.metrics),
        extra=jax.tree.map(mean, aux.extra),
        kept=jax.tree.map(lambda x: join_interleaved(*x), aux.kept),
    )


def mean_over_parts(fn: RowLoss, x: Array, rest: Any, parts: int, *, unroll: bool | None = None) -> tuple[Array, Aux]:
    """The mean over k of fn(x_k, rest_k), where the batch is cut in interleaved parts.

    The gradient with respect to ``x`` is computed with the value, part by part, so that one part's intermediate values
    live at a time and nothing is run twice. There is no gradient to anything else.

    Args:
      fn: (x [B / parts, ...], rest) -> ([] loss, a mean over its rows, and :class:`Aux`).
      x: [B, ...].
      rest: a tree of arrays [B, ...].
      parts: 1 is ``fn(x, rest)``.
      unroll: see :func:`jaxgan.training.scan_or_unroll.scan_or_unroll`.

    Raises:
      ValueError: where ``parts`` does not divide B.
    """
    if parts == 1:
        return fn(x, rest)
    split = split_batch((jax.lax.stop_gradient(x), rest), parts)

    def body(carry: None, part: tuple[Array, Any]) -> tuple[None, Any]:
        return carry, jax.value_and_grad(fn, has_aux=True)(*part)

    _, ((values, auxes), grads) = scan_or_unroll(body, None, split, unroll=unroll)
    # A function linear in x that has this gradient, and adds nothing to the value.
    along = (join_interleaved(*grads) * x).sum() / parts
    return values.mean() + (along - jax.lax.stop_gradient(along)), _merged(jax.lax.stop_gradient(auxes))


@dataclasses.dataclass(frozen=True)
class Microbatches:
    """How a player's gradient is taken of a batch; the step equals that of the whole batch whatever ``count``.

    Attributes:
      count: micro-batches that a batch is cut in, so that the intermediate values of one live at a time. Where a term
        draws random numbers, each micro-batch has its own.
      noise_scale: log ``noise_scale``, ``gradient_square`` and ``gradient_noise`` of each player (see
        :func:`jaxgan.training.noise_scale.noise_scale`), from the micro-batches, or from two halves where there is one.
      unroll: see :func:`jaxgan.training.scan_or_unroll.scan_or_unroll`.
    """

    count: int = 1
    noise_scale: bool = False
    unroll: bool | None = None

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"microbatches.count={self.count}: give a number, at least 1")

    @property
    def cuts(self) -> bool:
        """Whether a batch is taken in parts."""
        return self.count > 1 or self.noise_scale

    def update(
        self,
        method: "Method",
        state: TrainState,
        player: str,
        loss_fn: Callable[[dict[str, Variables], Any], tuple[Array, Aux]],
        batch: Any,
    ) -> Update:
        """One update of ``player`` by the mean gradient of ``loss_fn(nets, rows)`` over micro-batches of ``batch``."""
        parts = max(self.count, 2) if self.noise_scale else self.count
        if parts == 1:
            return player_update(method, state, player, lambda nets: loss_fn(nets, batch))
        size = jax.tree.leaves(batch)[0].shape[0] if self.noise_scale else None
        return self._update_in_parts(method, state, player, loss_fn, split_batch(batch, parts), size)

    def update_whole(
        self,
        method: "Method",
        state: TrainState,
        player: str,
        loss_fn: Callable[[dict[str, Variables], Mean], tuple[Array, Aux]],
        size: int,
    ) -> Update:
        """One update of a player whose network must see the whole batch of ``size`` rows (batch norm couples them).

        ``loss_fn(nets, mean)`` runs the network whole and calls ``mean`` for what follows, which goes a micro-batch at
        a time. The noise scale takes a second backward pass through the network, for either half of the loss.
        """
        if not self.noise_scale:
            return player_update(method, state, player, lambda nets: loss_fn(nets, self._mean(self.count)))

        def half(nets: dict[str, Variables], index: Array) -> tuple[Array, Aux]:
            return loss_fn(nets, self._mean(max(1, self.count // 2), lambda x: split_interleaved(x, 2)[index]))

        return self._update_in_parts(method, state, player, half, jnp.arange(2), size)

    def _mean(self, parts: int, take: Callable[[Array], Array] = lambda x: x) -> Mean:
        def mean(fn: RowLoss, x: Array, rest: Any) -> tuple[Array, Aux]:
            x, rest = jax.tree.map(take, (x, rest))
            return mean_over_parts(fn, x, rest, parts, unroll=self.unroll)

        return mean

    def _update_in_parts(
        self, method: "Method", state: TrainState, player: str, loss_fn: Any, parts: Any, noise_of: int | None
    ) -> Update:
        """One update by the mean gradient of ``loss_fn(nets, part)`` over ``parts``, a tree of arrays [K, ...]."""
        params = player_params(method, state, player)
        count = jax.tree.leaves(parts)[0].shape[0]

        def body(total: Any, part: Any) -> tuple[Any, Any]:
            (loss, aux), grads = jax.value_and_grad(lambda p: loss_fn(override(state.nets, p), part), has_aux=True)(
                params
            )
            return jax.tree.map(jnp.add, total, grads), (loss, aux, squared_norm(grads))

        zeros = jax.tree.map(jnp.zeros_like, params)
        total, (losses, auxes, squares) = scan_or_unroll(body, zeros, parts, unroll=self.unroll)
        grads, aux = jax.tree.map(lambda x: x / count, total), _merged(auxes)
        if noise_of is not None:
            noise = noise_scale(squares.mean(), squared_norm(grads), batch_size=noise_of, parts=count)
            aux = aux._replace(metrics=aux.metrics | noise)
        return apply_gradients(method, state, player, grads, losses.mean(), aux)
