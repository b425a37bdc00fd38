"""Image grids: a row a class, and interpolations between latents or classes."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from jaxgan.evaluation.inputs import inputs_of_labels, label_inputs
from jaxgan.evaluation.options import TRUNCATION, TRUNCATION_MODE, checked_options, split_options
from jaxgan.evaluation.sampling import Operand, as_step, sample_images, sampling_batch
from jaxgan.latent import draw_latents, path
from jaxgan.latent.interpolation import lerp
from jaxgan.nn import to_uint8
from jaxgan.parallel import to_host
from jaxgan.training.method import Method
from jaxgan.training.state import Variables


def tile(images: np.ndarray, columns: int) -> np.ndarray:
    """Lays uint8 images [N, H, W, C] out in rows of ``columns``, one pixel of white between: one image [h, w, C].

    Raises:
      ValueError: where N is no multiple of ``columns``.
    """
    n, h, w, c = images.shape
    if columns < 1 or n % columns:
        raise ValueError(f"{n} images do not fill rows of {columns}")
    rows = n // columns
    framed = np.full((rows, columns, h + 1, w + 1, c), 255, np.uint8)
    framed[:, :, :h, :w] = images.reshape(rows, columns, h, w, c)
    return framed.swapaxes(1, 2).reshape(rows * (h + 1), columns * (w + 1), c)[:-1, :-1]


def class_grid(
    method: Method, nets: dict[str, Variables], *, classes: list[int], columns: int, **options: Any
) -> np.ndarray:
    """A row for each class, ``columns`` draws each: uint8 [h, w, C]; options as for sampling.

    Of a method without classes, ``classes`` only counts rows.
    """
    labels = np.repeat(np.asarray(classes, np.int32), columns)
    inputs = inputs_of_labels(labels) if method.num_classes else label_inputs(len(labels), 0)
    return tile(sample_images(method, nets, inputs, **options), columns)


def interpolation_grid(
    method: Method,
    nets: dict[str, Variables],
    *,
    over: str,
    rows: int,
    columns: int,
    classes: list[int],
    rng: jax.Array,
    mesh: Mesh,
    kind: str = "slerp",
    options: Mapping[str, Any] | None = None,
    step: int | None = None,
) -> np.ndarray:
    """A row for each way from one draw to another: uint8 [h, w, C].

    Args:
      method, nets: as for sampling.
      over: 'z' goes between two latents within a class; 'w' (in a straight line) between their styles, where the method
        has them; 'class' (linearly, in class weights) between two classes with one latent.
      rows, columns: ways, and steps of each.
      classes: row r is of the r-th, and round again; over 'class' it goes from there to the next.
      rng: of the latents.
      mesh: the devices.
      kind: 'slerp' or 'lerp', over 'z'.
      options: sampling options; a truncation acts on both ends of each way.
      step: that the networks were trained to.

    Raises:
      ValueError: on another ``over``, or a method that has no latents or classes to go over.
    """
    if over not in ("z", "w", "class"):
        raise ValueError(f"interpolate over 'z', 'w' or 'class', got {over!r}")
    if over == "w" and method.style_shape is None:
        raise ValueError("interpolation over 'w' needs a method with styles between its latents and its images")
    if method.latent_shapes is None or (over == "class" and not method.num_classes):
        raise ValueError(f"interpolation over {over!r} needs a method with latents, and over 'class' one with classes")
    if not set(method.conditions) <= {"label"}:
        given = " and ".join(method.conditions)
        raise ValueError(f"interpolation goes between latents or classes, and this method draws for {given}")
    wrong = [label for label in classes if method.num_classes and not 0 <= label < method.num_classes]
    if wrong:
        raise ValueError(f"the label {wrong[0]} is no class: they are 0 to {method.num_classes - 1}")
    every = checked_options(method, options or {})
    mode, truncation = every.get(TRUNCATION_MODE, "none"), every.get(TRUNCATION, 1.0)
    start, end = (
        _ends(method.latent_shapes, key, rows, mode=mode, truncation=truncation) for key in jax.random.split(rng)
    )
    first = jnp.asarray(np.resize(classes, rows))
    second = jnp.asarray(np.resize(np.roll(classes, -1), rows))
    if over != "class":
        z = jax.tree.map(lambda a, b: _path(a, b, columns, kind), start, end)
        labels = jnp.repeat(first, columns)
    else:
        z = jax.tree.map(lambda a: jnp.repeat(a, columns, 0), start)
        one, other = (jax.nn.one_hot(c, method.num_classes) for c in (first, second))
        labels = path(one, other, columns, kind="lerp").reshape(rows * columns, -1)
    size = -(-rows * columns // mesh.size) * mesh.size
    own: dict[str, Any] = {"z": z} | ({"label": labels} if method.num_classes else {})
    if over == "w":
        # The ends' latents, and where between them a row lies.
        own |= {"z": jax.tree.map(lambda a: jnp.repeat(a, columns, 0), start)}
        own |= {"to": jax.tree.map(lambda b: jnp.repeat(b, columns, 0), end)}
        own |= {"share": jnp.tile(jnp.linspace(0.0, 1.0, columns), rows)}
    own = jax.tree.map(lambda x: jnp.resize(x, (size, *x.shape[1:])), own)
    fixed, numbers = split_options(method, checked_options(method, options or {}))

    @jax.jit
    def draw(operand: Operand, own: Any) -> jax.Array:
        every = dict(fixed) | dict(operand.numbers)
        batch = sampling_batch(method, operand.rng, jnp.arange(size), {}, every, operand.step) | own
        if over == "w":
            first, last = (
                method.map_latents(operand.nets, batch | {"z": own[end]}, operand.rng) for end in ("z", "to")
            )
            batch["w"] = lerp(first, last, own["share"][:, None, None])
        return to_uint8(method.sample(operand.nets, batch, operand.rng)["image"])

    with jax.set_mesh(mesh):
        images = to_host(draw(Operand(nets, rng, numbers, as_step(step)), own))
    return tile(images[: rows * columns], columns)


def _ends(shapes: Any, rng: jax.Array, rows: int, **truncation: Any) -> Any:
    """Latents [rows, ...] under a truncation, of a single array from ``rng`` itself."""
    leaves, structure = jax.tree.flatten(shapes)
    keys = [rng] if len(leaves) == 1 else [jax.random.fold_in(rng, number) for number in range(len(leaves))]
    drawn = [draw_latents(key, (rows, *leaf.shape), **truncation) for key, leaf in zip(keys, leaves)]
    return jax.tree.unflatten(structure, drawn)


def _path(start: jax.Array, end: jax.Array, columns: int, kind: str) -> jax.Array:
    """[rows, ...] twice -> [rows * columns, ...], each latent gone along as one vector."""
    rows = start.shape[0]
    ways = path(start.reshape(rows, -1), end.reshape(rows, -1), columns, kind=kind)
    return ways.reshape(rows * columns, *start.shape[1:])
