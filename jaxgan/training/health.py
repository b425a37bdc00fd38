"""Health of training, inside the jitted step: update-to-weight ratios, singular values of spectrally normalised
weights, the gap between D's outputs on real and on fake images.

Everything is a scalar of parameters and metrics that are there already, so that no batch and no activation is read
again. The step keeps the parameters from before the update until it has compared the two.
"""

import dataclasses
import re
from collections.abc import Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxgan.nn.spectral_norm import normalized_weights, power_iteration
from jaxgan.parallel import gather
from jaxgan.training.state import Metrics, TrainState

# Rounding of products in bfloat16 passes would hide the difference between neighbouring singular values.
_PRECISION = jax.lax.Precision.HIGHEST

# Metrics that are measured now and then: the second and the third singular value.
_NOW_AND_THEN = re.compile(r"(^|/)sigma_[23]/")


@dataclasses.dataclass(frozen=True)
class Health:
    """How the health of training is measured.

    Attributes:
      singular_values_every: the second and the third singular value of spectrally normalised weights are measured
        after every step that this divides; 0 for never. The first one is measured after every step.
      iterations: of the orthogonal iteration that finds them.
    """

    singular_values_every: int = 0
    iterations: int = 8

    def measured(self, metrics: Mapping[str, Any], step: int) -> dict[str, Any]:
        """``metrics`` without those that were not measured after ``step``."""
        every = self.singular_values_every
        if every and step % every == 0:
            return dict(metrics)
        return {name: value for name, value in metrics.items() if not _NOW_AND_THEN.search(name)}


def health_metrics(players: Mapping[str, Iterable[str]], new: TrainState, old: TrainState, options: Health) -> Metrics:
    """Health of each player after a step.

    Args:
      players: player -> its nets; those that the step did not update left out.
      new: the state after the step.
      old: the state before it.
      options: how to measure.

    Returns:
      ``<player>/update_ratio``, see :func:`update_ratio`; ``<player>/sigma/<layer>``, the largest singular value of a
      spectrally normalised weight as it is stored, before it is divided (Brock et al. 2019, arXiv:1809.11096, section
      4.1), by one power iteration from the layer's own vector: from below, and late where a weight moves fast; and,
      where ``options.singular_values_every`` is not 0, ``<player>/sigma_2/<layer>`` and ``<player>/sigma_3/<layer>``,
      which are 0 after steps that it does not divide (:meth:`Health.measured` leaves them out). A layer of another net
      than the player's namesake has that net's name before its own.
    """
    metrics: Metrics = {}
    for player, nets in players.items():
        nets = tuple(nets)
        after, before = ({net: state.nets[net]["params"] for net in nets} for state in (new, old))
        metrics[f"{player}/update_ratio"] = update_ratio(after, before)
        for net in nets:
            at = "" if net == player else f"{net}/"
            for layer, (weight, u, axis) in normalized_weights(new.nets[net]).items():
                name = at + layer
                metrics[f"{player}/sigma/{name}"] = power_iteration(weight, u, output_axis=axis)[0]
                if options.singular_values_every:
                    for place, value in enumerate(_second_and_third(weight, u, axis, new.step, options), 2):
                        metrics[f"{player}/sigma_{place}/{name}"] = value
    return metrics


def update_ratio(new: Any, old: Any) -> Array:
    """[] float32: |new - old| / |old| over all arrays of a tree, the update-to-weight ratio; 0 where both are 0."""
    moved = jax.tree.map(lambda a, b: a.astype(jnp.float32) - b.astype(jnp.float32), new, old)
    return _norm(moved) / jnp.maximum(_norm(old), 1e-30)


def gaps(metrics: Mapping[str, Array]) -> Metrics:
    """``.../gap``, D's mean output on real images minus that on fake ones, for each pair ``.../real``, ``.../fake``."""
    found = {}
    for name, real in metrics.items():
        stem = name.removesuffix("/real")
        if stem != name and f"{stem}/fake" in metrics:
            found[f"{stem}/gap"] = real - metrics[f"{stem}/fake"]
    return found


def singular_values(weight: Array, u: Array, *, output_axis: int = -1, count: int = 3, iterations: int = 8) -> Array:
    """The largest singular values of a weight, by a few orthogonal iterations (no decomposition is called, so that it
    can be mapped over an ensemble's members and run on parts of a weight that is split over a mesh).

    Args:
      weight: float of any rank, taken as the matrix [outputs, everything else].
      u: [outputs] float, where to start from: the vector of spectral normalisation.
      output_axis: of ``weight``.
      count: how many; a smaller matrix has fewer.
      iterations: each multiplies the error of value i by about the square of value ``count + 1`` over value i.

    Returns:
      [at most count] float32, falling; close from below where values lie close together.
    """
    output_axis %= weight.ndim
    others = [axis for axis in range(weight.ndim) if axis != output_axis]
    wide = weight.astype(jnp.float32)
    outputs, count = u.shape[0], min(count, u.shape[0], weight.size // u.shape[0])
    start = jax.random.normal(jax.random.key(0), (count - 1, outputs), jnp.float32)

    def across(us: Array) -> Array:  # [count, outputs] -> [count, the other axes]
        return gather(jnp.tensordot(us, wide, axes=((1,), (output_axis,)), precision=_PRECISION))

    def back(vs: Array) -> Array:
        axes = (list(range(1, vs.ndim)), others)
        return gather(jnp.tensordot(vs, wide, axes=axes, precision=_PRECISION))

    def iterate(_: int, us: Array) -> Array:
        vs = _orthonormal(across(us).reshape(count, -1))[0]
        return _orthonormal(back(vs.reshape(count, *(weight.shape[axis] for axis in others))))[0]

    us = _orthonormal(gather(jnp.concatenate([u.astype(jnp.float32)[None], start])))[0]
    us = jax.lax.fori_loop(0, iterations, iterate, us)
    return jnp.sort(_orthonormal(across(us).reshape(count, -1))[1], descending=True)


def _second_and_third(weight: Array, u: Array, axis: int, step: Array, options: Health) -> Array:
    """[at most 2] float32: zeros after steps where they are not due."""
    count = min(3, u.shape[0], weight.size // u.shape[0])
    return jax.lax.cond(
        step % options.singular_values_every == 0,
        lambda: singular_values(weight, u, output_axis=axis, iterations=options.iterations)[1:],
        lambda: jnp.zeros((count - 1,), jnp.float32),
    )


def _orthonormal(rows: Array) -> tuple[Array, Array]:
    """Gram and Schmidt's rows [k, n] of length 1, and [k] the lengths that they had beyond the rows before."""
    found: list[Array] = []
    lengths = []
    for row in rows:
        for other in found:
            row = row - jnp.vdot(other, row, precision=_PRECISION) * other
        length = jnp.sqrt(jnp.square(row).sum())
        found.append(row / jnp.maximum(length, 1e-30))
        lengths.append(length)
    return jnp.stack(found), jnp.stack(lengths)


def _norm(tree: Any) -> Array:
    leaves = [jnp.square(x.astype(jnp.float32)).sum() for x in jax.tree.leaves(tree)]
    return jnp.sqrt(sum(leaves, jnp.zeros((), jnp.float32)))
