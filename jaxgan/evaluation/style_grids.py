"""Pictures of styles: tables of two sources mixed, and what noise alone changes (StyleGAN: Karras et al. 2019,
arXiv:1812.04948, figures 3 and 4).
"""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import Mesh

from jaxgan.evaluation.grids import tile
from jaxgan.evaluation.inputs import check_labels, inputs_of_labels
from jaxgan.evaluation.options import Fixed, checked_options, split_options
from jaxgan.evaluation.sampling import Operand, as_step, check_networks, sampling_batch
from jaxgan.nn import to_uint8
from jaxgan.parallel import shard_batch, to_host
from jaxgan.training.method import Method
from jaxgan.training.state import Variables

# Layers of the paper's sides: 4 and 8 pixels, 16 and 32, and 64 on, two layers a side.
MIXES: Mapping[str, tuple[int, int | None]] = {"coarse": (0, 4), "middle": (4, 8), "fine": (8, None)}


class StyleImages:
    """Maps latents to styles and draws from styles, in batches of one size.

    Args:
      method: with a ``style_shape``.
      nets: its networks, averages in place.
      rng: row i of a call has the latents and the noise of ``fold_in(rng, i)``, as in sampling.
      mesh: the devices.
      batch_size: rows a dispatch, rounded up to a multiple of the devices.
      options: of sampling.
      step: that the networks were trained to.

    Raises:
      ValueError: where the method has no styles, or draws for more than a label, or its networks are not finite; on
        labels that it has not.
    """

    def __init__(
        self,
        method: Method,
        nets: dict[str, Variables],
        *,
        rng: Array,
        mesh: Mesh,
        batch_size: int = 64,
        options: Mapping[str, Any] | None = None,
        step: int | None = None,
    ) -> None:
        if method.style_shape is None or not set(method.conditions) <= {"label"}:
            raise ValueError("this method has no styles between its latents and its images")
        check_networks(nets)
        self.method, self.mesh = method, mesh
        self.batch_size = -(-batch_size // mesh.size) * mesh.size
        self.fixed, numbers = split_options(method, checked_options(method, options or {}))
        self.operand = Operand(nets, rng, numbers, as_step(step))

    def styles(self, index: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """[N, L, W] of the latents of rows ``index`` [N] and ``labels`` [N]."""
        return self._in_batches(_map, index, labels)

    def images(self, index: np.ndarray, labels: np.ndarray, ws: np.ndarray) -> np.ndarray:
        """Images [N, H, W, C] float32, about in [-1, 1], of styles [N, L, W], with the noise of rows ``index``."""
        return self._in_batches(_draw, index, labels, ws)

    def _in_batches(self, function: Any, index: np.ndarray, labels: np.ndarray, *more: np.ndarray) -> np.ndarray:
        check_labels(inputs_of_labels(labels), self.method.num_classes)
        conditions = {"label": labels} if self.method.num_classes else {}
        rows = {"index": np.asarray(index), "more": more, "conditions": conditions}
        found = []
        with jax.set_mesh(self.mesh):
            for start in range(0, len(index), self.batch_size):
                # The last batch is filled up with rows that come before.
                chosen = np.resize(np.arange(start, min(start + self.batch_size, len(index))), self.batch_size)
                part = jax.tree.map(lambda x: x[chosen], rows)  # noqa: B023
                found.append(to_host(function(self.method, self.fixed, self.operand, part)))
        return np.concatenate(found)[: len(index)]


def mixing_table(
    draws: StyleImages, layers: tuple[int, int | None], *, rows: int, columns: int, classes: Sequence[int] = (0,)
) -> np.ndarray:
    """A row for each source A, a column for each source B, both shown at the edges: A's styles, but B's in ``layers``.

    Args:
      draws: the generator.
      layers: first, and the one after the last; None for the end.
      rows, columns: sources.
      classes: of A; the r-th row is of the r-th, and round again. B has the same.

    Returns:
      uint8 [h, w, C], of ``rows`` + 1 by ``columns`` + 1 images, the corner white.

    Raises:
      ValueError: where an image has no styles of these layers.
    """
    assert draws.method.style_shape is not None
    count = draws.method.style_shape[0]
    first, last = layers[0], count if layers[1] is None else layers[1]
    if not 0 <= first < last <= count:
        raise ValueError(f"layers {first} to {last - 1}: an image has {count} styles, 0 to {count - 1}")
    index = np.arange(rows + columns)
    labels = np.concatenate([np.resize(classes, rows), np.resize(classes, columns)]).astype(np.int32)
    ws = draws.styles(index, labels)
    mixed = np.repeat(ws[:rows, None], columns, axis=1)
    mixed[:, :, first:last] = ws[None, rows:, first:last]
    # What is mixed has the noise of its source A.
    a = np.repeat(index[:rows], columns)
    images = draws.images(
        np.concatenate([index, a]),
        np.concatenate([labels, labels[a]]),
        np.concatenate([ws, mixed.reshape(-1, *ws.shape[1:])]),
    )
    pictures = np.asarray(to_uint8(jnp.asarray(images)))
    sources_a, sources_b, cells = np.split(pictures, [rows, rows + columns])
    body = np.concatenate([sources_a[:, None], cells.reshape(rows, columns, *cells.shape[1:])], axis=1)
    top = np.concatenate([np.full_like(sources_b[:1], 255), sources_b])
    return tile(np.concatenate([top[None], body]).reshape(-1, *pictures.shape[1:]), columns + 1)


def noise_grid(
    draws: StyleImages, *, rows: int, columns: int, realizations: int = 100, classes: Sequence[int] = (0,)
) -> tuple[np.ndarray, float]:
    """A row for each latent: ``columns`` - 1 images of it that differ in noise alone, and the standard deviation of
    each pixel over many (figure 4), as a grey picture whose white is the largest one.

    Args:
      draws: the generator, with random noise.
      rows, columns: latents, and pictures of each.
      realizations: that the deviation is of.
      classes: the r-th row is of the r-th, and round again.

    Returns:
      ``(uint8 [h, w, C], the largest deviation, in levels of 255)``.

    Raises:
      ValueError: on fewer than two columns or realizations.
    """
    if columns < 2 or realizations < 2:
        raise ValueError(f"needs two columns and two realizations at least, got {columns} and {realizations}")
    labels = np.resize(classes, rows).astype(np.int32)
    ws = draws.styles(np.arange(rows), labels)
    shown, deviations = [], []
    for row in range(rows):
        count = max(realizations, columns - 1)
        index = rows + row * count + np.arange(count)
        images = draws.images(index, np.resize(labels[row], count), np.repeat(ws[row : row + 1], count, axis=0))
        shown.append(np.asarray(to_uint8(jnp.asarray(images[: columns - 1]))))
        # Of what is seen: generators without a tanh draw beyond black and white.
        deviations.append(np.clip(images[:realizations], -1, 1).std(0).mean(-1, keepdims=True) * 127.5)
    largest = float(np.max(deviations))
    grey = [np.uint8(np.round(255 * d / max(largest, 1e-12))) for d in deviations]
    grid = [np.concatenate([images, np.broadcast_to(g, images[:1].shape)]) for images, g in zip(shown, grey)]
    return tile(np.concatenate(grid), columns), largest


@functools.partial(jax.jit, static_argnums=(0, 1))
def _map(method: Method, fixed: Fixed, operand: Operand, rows: Any) -> Array:
    return method.map_latents(operand.nets, _batch(method, fixed, operand, rows), operand.rng)


@functools.partial(jax.jit, static_argnums=(0, 1))
def _draw(method: Method, fixed: Fixed, operand: Operand, rows: Any) -> Array:
    batch = _batch(method, fixed, operand, rows) | {"w": shard_batch(rows["more"][0])}
    return method.sample(operand.nets, batch, operand.rng)["image"].astype(jnp.float32)


def _batch(method: Method, fixed: Fixed, operand: Operand, rows: Any) -> dict[str, Any]:
    options = dict(fixed) | dict(operand.numbers)
    return sampling_batch(method, operand.rng, rows["index"], rows["conditions"], options, operand.step)
