"""Likelihood scores: bits per dimension, the evidence lower bound, perplexity, of methods that give nats.

A likelihood method has ``nats(nets, batch, rng)`` -> [B]: each example's negative log-likelihood, or an upper bound of
it. Of pixels it is that of the integer levels, 256 a channel, so that the figures compare with the literature's.
"""

import functools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jax import Array
from jax.sharding import Mesh

from jaxgan.evaluation.inputs import Rows, SampleInputs
from jaxgan.evaluation.options import Fixed, checked_options, split_options
from jaxgan.evaluation.sampling import Operand, as_step, sampling_batch
from jaxgan.parallel import to_host
from jaxgan.training.errors import UserError
from jaxgan.training.method import Score
from jaxgan.training.state import Variables

LIKELIHOOD_METRICS = {
    "bits_per_dim": "negative log-likelihood in bits a dimension: nats / (dimensions ln 2)",
    "elbo": "log-likelihood in nats an example, or its lower bound",
    "perplexity": "exp of the negative log-likelihood in nats a token",
}
# What a likelihood is of, and which scores have a meaning for it. Tokens may come with the pictures that they are of.
_FIELDS = {"tokens": "perplexity", "image": "bits_per_dim", "point": "bits_per_dim"}


@functools.partial(jax.jit, static_argnames=("method", "fixed"))
def _nats(method: Any, fixed: Fixed, operand: Operand, rows: Rows) -> Array:
    options = dict(fixed) | dict(operand.numbers)
    batch = sampling_batch(method, operand.rng, rows["index"], rows["conditions"], options, operand.step)
    return method.nats(operand.nets, batch, operand.rng)


def example_nats(
    method: Any,
    nets: dict[str, Variables],
    examples: SampleInputs,
    *,
    rng: Array,
    mesh: Mesh,
    batch_size: int = 64,
    options: Mapping[str, Any] | None = None,
    step: int | None = None,
) -> tuple[np.ndarray, np.ndarray, str]:
    """Nats of each example, which depend on the key and its own number, whatever the batch size and the devices.

    Args:
      method: has ``nats``.
      nets: its networks, averages in place.
      examples: whole examples, every field that ``nats`` wants.
      rng: example i draws from ``fold_in(rng, i)``.
      mesh: the devices.
      batch_size: rounded up to a multiple of the devices.
      options: sampling options, samples of an importance-weighted bound, say.
      step: that the networks were trained to, where they take keywords of it.

    Returns:
      ``(nats, counts, field)``: float64 [N]; int [N], the dimensions of each example, or its tokens, without those that
      a field 'mask' [N, L] leaves out; and the field that they are of: 'image', 'point' or 'tokens'.

    Raises:
      UserError: where examples have none of these fields.
    """
    batch_size = -(-batch_size // mesh.size) * mesh.size
    fixed, numbers = split_options(method, checked_options(method, options or {}))
    operand = Operand(nets, rng, numbers, as_step(step))
    nats, counts, field = [], [], ""
    with jax.set_mesh(mesh):
        for start in range(0, examples.length, batch_size):
            index = np.arange(start, min(start + batch_size, examples.length))
            padded = np.resize(index, batch_size)
            rows = examples.rows(padded)
            field = _field(rows)
            found = _nats(method, fixed, operand, {"index": padded.astype(np.uint32), "conditions": rows})
            nats.append(to_host(found)[: len(index)].astype(np.float64))
            counts.append(_counts(rows, field)[: len(index)])
    return np.concatenate(nats), np.concatenate(counts), field


def likelihood_scores(
    names: Sequence[str], nats: np.ndarray, counts: np.ndarray, field: str, *, stamp: Mapping[str, Any]
) -> dict[str, Score]:
    """Scores of what :func:`example_nats` gives, with standard errors over examples.

    Args:
      names: of ``LIKELIHOOD_METRICS``.
      nats: [N].
      counts: [N], dimensions or tokens; where they differ, examples weigh as they are long.
      field: what the nats are of.
      stamp: the protocol.

    Raises:
      UserError: on bits a dimension of tokens, or a perplexity of pixels.
    """
    rate = nats.sum() / counts.sum()
    # Of a ratio of sums, by its linearisation.
    error = _error((nats - rate * counts) / counts.mean())
    values = {
        "bits_per_dim": (rate / math.log(2), _times(error, 1 / math.log(2))),
        "elbo": (-nats.mean(), _error(nats)),
        "perplexity": (math.exp(rate), _times(error, math.exp(rate))),
    }
    found = {}
    for name in names:
        if name not in ("elbo", _FIELDS[field]):
            raise UserError(f"{name} is not of {field!r}, whose scores are elbo and {_FIELDS[field]}")
        value, stderr = values[name]
        found[name] = Score(float(value), stderr, {**stamp, "settings": {"field": field}})
    return found


def _field(rows: Rows) -> str:
    for name in _FIELDS:
        if name in rows:
            return name
    raise UserError(f"a likelihood is of {', '.join(_FIELDS)}; these examples have {', '.join(sorted(rows))}")


def _counts(rows: Rows, field: str) -> np.ndarray:
    if f"{field}_mask" in rows:
        mask = np.asarray(rows[f"{field}_mask"]).astype(bool)
        return mask.reshape(len(mask), -1).sum(1)
    value = rows[field]
    return np.full(len(value), math.prod(value.shape[1:]), np.int64)


def _error(each: np.ndarray) -> float | None:
    return float(each.std(ddof=1) / math.sqrt(len(each))) if len(each) > 1 else None


def _times(error: float | None, factor: float) -> float | None:
    return None if error is None else error * factor
