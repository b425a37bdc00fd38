"""Standing statistics (BigGAN, arXiv:1809.11096, section 3 and appendix C.1; BigGAN-PyTorch ``utils.py``)."""

import functools
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import Mesh

from jaxgan.evaluation.inputs import Rows, SampleInputs
from jaxgan.evaluation.options import Fixed, checked_options, split_options
from jaxgan.evaluation.sampling import Operand, as_step, sampling_batch
from jaxgan.training.errors import UserError
from jaxgan.training.method import Method
from jaxgan.training.state import Variables

# Folded into a row's key for its label, and into the key of all for a pass: past the numbers that latents take.
_LABEL_KEY, _PASS_KEY = 2**20 + 1, 2**31


@functools.partial(jax.jit, static_argnames=("method", "fixed"))
def _moments(method: Method, fixed: Fixed, operand: Operand, index: Array, conditions: Rows | None) -> Any:
    rng = operand.rng
    if conditions is None:
        conditions = {"label": jax.vmap(lambda i: _label(method, jax.random.fold_in(rng, i)))(index)}
    options = dict(fixed) | dict(operand.numbers)
    batch = sampling_batch(method, rng, index, conditions, options, operand.step)
    pass_rng = jax.random.fold_in(jax.random.fold_in(rng, _PASS_KEY), index[0])
    return method.batch_moments(operand.nets, batch, pass_rng)


def _label(method: Method, key: Array) -> Array:
    return jax.random.randint(jax.random.fold_in(key, _LABEL_KEY), (), 0, max(method.num_classes, 1), jnp.int32)


def standing_statistics(
    method: Method,
    nets: dict[str, Variables],
    *,
    rng: Array,
    mesh: Mesh,
    passes: int = 16,
    batch_size: int = 64,
    options: Mapping[str, Any] | None = None,
    step: int | None = None,
    inputs: SampleInputs | None = None,
) -> dict[str, Variables]:
    """``nets`` with running statistics replaced by the mean over train-mode draws, of uniform labels and truncated
    latents.

    Running statistics follow weights that have moved on, and the weights of an average were never run at all; these
    belong to the networks given. They must be computed again for each truncation.

    A batch has ``batch_size`` rows whatever the devices, and row b of pass p is a function of p, b and ``rng``: so are
    the statistics. Where the devices do not divide the batch, each of them computes all of it.

    Args:
      method, nets: as for sampling.
      rng: of labels and latents.
      mesh: the devices.
      passes: draws (BigGAN-PyTorch: 16; compare_gan: 204,800 images in all).
      batch_size: images a draw.
      options, step: as for :func:`jaxgan.evaluation.sampling.sample_batches`.
      inputs: what is drawn for, from the first on and round again; uniform labels where None.

    Raises:
      UserError: where the method's conditions are more than a label, and there are no inputs.
    """
    fixed, numbers = split_options(method, checked_options(method, options or {}))
    if inputs is None and not set(method.conditions) <= {"label"}:
        raise UserError(
            f"standing statistics of this method need inputs that have {', '.join(method.conditions)}; give a split's, "
            "or take running statistics: evaluation.batch_norm=running"
        )
    total, operand = None, Operand(nets, rng, numbers, as_step(step))
    with jax.set_mesh(mesh):
        for number in range(passes):
            index = np.arange(number * batch_size, (number + 1) * batch_size, dtype=np.uint32)
            conditions: Rows | None = None if method.conditions else {}
            if inputs is not None:
                conditions = inputs.rows((index % inputs.length).astype(np.int64))
            moments = _moments(method, fixed, operand, index, conditions)
            total = moments if total is None else jax.tree.map(jnp.add, total, moments)
    mean = jax.tree.map(lambda x: x / passes, total or {})
    return nets | {name: {**nets[name], "batch_stats": statistics} for name, statistics in mean.items()}
