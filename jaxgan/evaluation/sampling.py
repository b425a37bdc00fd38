"""Sample from trained networks: jitted, sharded, and the same whatever the batch size and the devices.

Sample i is drawn for the i-th input from ``fold_in(rng, i)``: its latents from that key, and whatever the method draws
itself from a key of the row's own, so that it depends on i alone.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import Mesh

from jaxgan.convolutions import Choose, WithForms
from jaxgan.evaluation.inputs import Rows, SampleInputs, check_labels
from jaxgan.evaluation.options import TRUNCATION, TRUNCATION_MODE, Fixed, checked_options, split_options
from jaxgan.latent import draw_latents
from jaxgan.nn import fold_spectral_norms, to_uint8
from jaxgan.parallel import shard_batch, to_host
from jaxgan.training.digest import non_finite
from jaxgan.training.errors import UserError
from jaxgan.training.method import Batch, Method
from jaxgan.training.state import Variables

# What is folded into a row's key for the method's own draws, past the numbers that latents of several leaves take.
_METHOD_KEY = 2**20


class Operand(NamedTuple):
    """Traced arguments of sampling, next to its rows.

    Attributes:
      nets: the networks.
      rng: the key that rows' keys are folded from.
      numbers: options without choices, as scalars.
      step: of the networks, for those that take keywords of the step; None for no step.
    """

    nets: Any
    rng: Array
    numbers: Mapping[str, Any] = {}
    step: Any = None


def latents_of(method: Method, keys: Array, *, mode: str = "none", truncation: Any = 1.0) -> Any:
    """The latents of each row, a tree [B, ...] as ``method.latent_shapes`` says, from its key [B].

    A single array is drawn from the key itself, the leaves of a larger tree from the key with the leaf's number folded
    in.
    """
    leaves, structure = jax.tree.flatten(method.latent_shapes)

    def one(number: int, leaf: jax.ShapeDtypeStruct) -> Array:
        def draw(key: Array) -> Array:
            own = key if len(leaves) == 1 else jax.random.fold_in(key, number)
            return draw_latents(own, leaf.shape, mode=mode, truncation=truncation).astype(leaf.dtype)

        return shard_batch(jax.vmap(draw)(keys))

    return jax.tree.unflatten(structure, [one(number, leaf) for number, leaf in enumerate(leaves)])


def sampling_batch(
    method: Method, rng: Array, index: Array, conditions: Rows, options: Mapping[str, Any], step: Any = None
) -> Batch:
    """Batch for ``method.sample`` and ``method.batch_moments``: conditions, 'z', 'key', 'options' and 'step'.

    Args:
      method: draws.
      rng: the key that rows' keys are folded from.
      index: int [B], the rows' numbers.
      conditions: trees of arrays [B, ...].
      options: all that the method declares.
      step: [] int, of the networks; None for no 'step'.
    """
    keys = jax.vmap(lambda i: jax.random.fold_in(rng, i))(index)
    own = {name: value for name, value in options.items() if name not in (TRUNCATION, TRUNCATION_MODE)}
    batch: dict[str, Any] = {name: jax.tree.map(shard_batch, value) for name, value in conditions.items()}
    batch |= {"key": jax.vmap(lambda key: jax.random.fold_in(key, _METHOD_KEY))(keys), "options": own}
    if method.latent_shapes is not None:
        mode, truncation = options.get(TRUNCATION_MODE, "none"), options.get(TRUNCATION, 1.0)
        batch["z"] = latents_of(method, keys, mode=mode, truncation=truncation)
    return batch if step is None else batch | {"step": jnp.asarray(step, jnp.int32)}


def _picture(drawn: Array) -> Array:
    """Float images [B, H, W, C] and clips [B, T, H, W, C] in [-1, 1] become uint8; other arrays stay."""
    return to_uint8(drawn) if drawn.ndim >= 4 and jnp.issubdtype(drawn.dtype, jnp.floating) else drawn


@dataclasses.dataclass(frozen=True)
class SampleImages:
    """Draws from networks: a value, so that a program compiled with it serves again, whatever the numeric options.

    Attributes:
      method: draws.
      fixed: options with choices, as :func:`jaxgan.evaluation.options.split_options` gives them.
      key: what of the method's samples: 'image', 'point', ...; None for all of them, in a dict.
      forms: chooses the forms of convolutions; None for XLA's.
    """

    method: Method
    fixed: Fixed = ()
    key: str | None = "image"
    forms: Choose | None = None

    def __call__(self, operand: Operand, rows: Rows) -> Any:
        """Samples of rows {'index': int [B], 'conditions': trees of [B, ...]}: images and clips as uint8, other arrays
        as they come.
        """
        if self.forms is None:
            return self._drawn(operand, rows)
        return WithForms(self._drawn, self.forms)(operand, rows)

    def _drawn(self, operand: Operand, rows: Rows) -> Any:
        options = dict(self.fixed) | dict(operand.numbers)
        batch = sampling_batch(self.method, operand.rng, rows["index"], rows["conditions"], options, operand.step)
        drawn = self.method.sample(operand.nets, batch, operand.rng)
        return {name: _picture(x) for name, x in drawn.items()} if self.key is None else _picture(drawn[self.key])


def as_step(step: int | None) -> np.ndarray | None:
    """A step as a traced scalar, so that another one compiles nothing anew."""
    return None if step is None else np.asarray(step, np.int32)


_draw = jax.jit(SampleImages.__call__, static_argnums=0)


def check_networks(nets: dict[str, Variables]) -> None:
    """Refuses networks that hold NaN or infinity, which would draw black pictures.

    Raises:
      UserError: naming the first array that does.
    """
    if wrong := non_finite(nets):
        raise UserError(
            f"{len(wrong)} arrays of the networks hold NaN or infinity, first {wrong[0]}: nothing can be drawn from "
            "them; take those of an earlier checkpoint"
        )


@jax.jit
def fold_networks(nets: dict[str, Variables]) -> dict[str, Variables]:
    """``nets`` to draw from: their spectral norms are computed once here, rather than in every batch."""
    return {name: fold_spectral_norms(variables) for name, variables in nets.items()}


def sample_batches(
    method: Method,
    nets: dict[str, Variables],
    inputs: SampleInputs,
    *,
    rng: Array,
    mesh: Mesh,
    batch_size: int = 64,
    options: Mapping[str, Any] | None = None,
    step: int | None = None,
    key: str | None = "image",
    indices: np.ndarray | None = None,
    forms: Choose | None = None,
) -> Iterator[Any]:
    """Draws a sample for each input, batch by batch.

    Args:
      method: draws.
      nets: its networks, averages in place.
      inputs: what is drawn for.
      rng: sample i comes from ``fold_in(rng, i)``, so it does not depend on the batch size or the mesh.
      mesh: the devices; every batch is split over them.
      batch_size: rounded up to a multiple of the devices. The last batch is padded, so that one program serves all.
      options: sampling options; those that are not given have their defaults.
      step: that the networks were trained to, where they take keywords of it.
      key: what is drawn, as in :class:`SampleImages`.
      indices: int [N], which inputs; all of them where None.
      forms: as in :class:`SampleImages`.

    Yields:
      uint8 [<= batch_size, H, W, C], N images in all; of another key, arrays [<= batch_size, ...] of its dtype; of
      None, dicts of such.

    Raises:
      UserError: on options that the method does not declare, or out of their bounds; on labels that it has not, a
        batch of no images, or networks that are not finite.
    """
    check_networks(nets)
    if "label" in method.conditions:
        check_labels(inputs, method.num_classes)
    if batch_size < 1:
        raise UserError(f"batch_size={batch_size}: give at least 1")
    chosen = np.arange(inputs.length) if indices is None else np.asarray(indices)
    batch_size = -(-batch_size // mesh.size) * mesh.size
    fixed, numbers = split_options(method, checked_options(method, options or {}))
    draw = SampleImages(method, fixed, key, forms)
    with jax.set_mesh(mesh):
        operand = Operand(fold_networks(nets), rng, numbers, as_step(step))
        pending: tuple[Any, int] | None = None
        for start in range(0, len(chosen), batch_size):
            rows = chosen[start : start + batch_size]
            padded = np.resize(rows, batch_size)
            drawn = _draw(draw, operand, {"index": padded.astype(np.uint32), "conditions": inputs.rows(padded)})
            # The next batch is dispatched before this one is fetched.
            if pending is not None:
                yield _fetched(*pending)
            pending = (drawn, len(rows))
        if pending is not None:
            yield _fetched(*pending)


def _fetched(drawn: Any, count: int) -> Any:
    return jax.tree.map(lambda x: x[:count], to_host(drawn))


def sample_images(method: Method, nets: dict[str, Variables], inputs: SampleInputs, **options: Any) -> Any:
    """All of :func:`sample_batches` as one array: uint8 [N, H, W, C]; of ``key=None``, a dict of arrays [N, ...]."""
    batches = list(sample_batches(method, nets, inputs, **options))
    return jax.tree.map(lambda *parts: np.concatenate(parts), *batches)
