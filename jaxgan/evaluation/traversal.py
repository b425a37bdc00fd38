"""Latent code traversals: InfoGAN's grids, a column for each value of a code."""

import dataclasses
import functools
from collections.abc import Hashable
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import Mesh

from jaxgan.evaluation.grids import tile
from jaxgan.evaluation.inputs import check_labels, inputs_of_labels
from jaxgan.evaluation.sampling import as_step, check_networks, sampling_batch
from jaxgan.latent import Prior
from jaxgan.nn import to_uint8
from jaxgan.parallel import shard_batch, to_host
from jaxgan.training.method import Method
from jaxgan.training.state import Variables


def code_traversal(
    method: Method,
    nets: dict[str, Variables],
    prior: Prior,
    *,
    code: int,
    rows: int,
    rng: Array,
    mesh: Mesh,
    columns: int = 10,
    extent: float = 2.0,
    label: int = 0,
    step: int | None = None,
) -> np.ndarray:
    """A row for each draw of everything else, a column for each value of one code (InfoGAN, arXiv:1606.03657, fig. 2).

    Args:
      method: a dataclass with a field ``latents``, as :class:`jaxgan.methods.gan.GAN` has, whose ``prior`` maps the
        latents that ``sample`` is given.
      nets: its networks, averages in place.
      prior: that prior.
      code: which, from 0: the categorical ones, then the continuous ones.
      rows: draws.
      rng: of the draws: grids of several codes with one key have the same rows.
      mesh: the devices.
      columns: values of a continuous code; a categorical one has a column for each category.
      extent: continuous codes go evenly from -extent to extent. Networks are trained on [-1, 1]; the paper's figure
        goes from -2 to 2.
      label: class of all images, where the method has classes.
      step: that the networks were trained to, where they take keywords of it.

    Returns:
      uint8 [h, w, C].

    Raises:
      ValueError: on a code or a class that there is not, fewer than one row or two columns, a method without a prior,
        or networks that are not finite.
    """
    check_networks(nets)
    values: np.ndarray
    if code in range(len(prior.categorical)):
        values = np.arange(prior.categorical[code])
    else:
        values = np.linspace(-extent, extent, columns, dtype=np.float32)
    if rows < 1 or len(values) < 2:
        raise ValueError(f"needs at least one row and two columns, got {rows} and {columns}")
    drawn = prior(jax.random.normal(rng, (rows, prior.size), jnp.float32))
    mapped = prior.set_code(jnp.repeat(drawn, len(values), axis=0), code, jnp.tile(jnp.asarray(values), rows))
    count = len(mapped)
    # Whole batches for the devices: what is too much is cut off below.
    mapped = jnp.resize(mapped, (-(-count // mesh.size) * mesh.size, prior.size))
    with jax.set_mesh(mesh):
        taking: Any = _taking_mapped(cast(Hashable, method))
        check_labels(inputs_of_labels(np.array([label])), method.num_classes)
        images = to_host(_draw(taking, nets, mapped, jnp.full(len(mapped), label, jnp.int32), rng, as_step(step)))
    return tile(images[:count], len(values))


def _as_given(latents: Array) -> Array:
    return latents


# Remembered, for methods are equal by identity: each copy would be compiled anew.
@functools.lru_cache(maxsize=4)
def _taking_mapped(method: Any) -> Any:
    """The method with latents that are mapped already: codes can be set past what the prior draws."""
    if not hasattr(method, "latents"):
        raise ValueError(f"traversals need a method with a field `latents`, as GAN has, got {type(method)}")
    return dataclasses.replace(method, latents=dataclasses.replace(method.latents, prior=_as_given))


@functools.partial(jax.jit, static_argnums=0)
def _draw(method: Any, nets: dict[str, Variables], z: Array, labels: Array, rng: Array, step: Any) -> Array:
    options = {name: option.default for name, option in method.options.items()}
    conditions = {"label": labels} if method.num_classes else {}
    batch = sampling_batch(method, rng, jnp.arange(len(z)), conditions, options, step) | {"z": shard_batch(z)}
    return to_uint8(method.sample(nets, batch, rng)["image"])
