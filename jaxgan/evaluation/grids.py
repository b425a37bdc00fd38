"""Pictures of many images."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from jaxgan.evaluation.sampling import sample_images
from jaxgan.latent import path
from jaxgan.nn import to_uint8
from jaxgan.training.method import Method
from jaxgan.training.state import Variables


def tile(images: np.ndarray, columns: int) -> np.ndarray:
    """Lays uint8 images [N, H, W, C] out in rows of ``columns``, one pixel of white between: one image [h, w, C].

    Raises:
      ValueError: where N is no multiple of ``columns``.
    """
    n, h, w, c = images.shape
    if n % columns:
        raise ValueError(f"{n} images do not fill rows of {columns}")
    rows = n // columns
    framed = np.full((rows, columns, h + 1, w + 1, c), 255, np.uint8)
    framed[:, :, :h, :w] = images.reshape(rows, columns, h, w, c)
    return framed.swapaxes(1, 2).reshape(rows * (h + 1), columns * (w + 1), c)[:-1, :-1]


def class_grid(
    method: Method, nets: dict[str, Variables], *, classes: list[int], columns: int, **options: Any
) -> np.ndarray:
    """A row for each class, ``columns`` draws each: uint8 [h, w, C]; options as for sampling."""
    return tile(sample_images(method, nets, np.repeat(np.asarray(classes, np.int32), columns), **options), columns)


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
) -> np.ndarray:
    """A row for each way from one draw to another: uint8 [h, w, C].

    Args:
      method, nets: as for sampling.
      over: 'z' goes between two latents within a class; 'class' goes (linearly, in class weights) between two classes
        with one latent.
      rows, columns: ways, and steps of each.
      classes: row r is of the r-th, in turn; over 'class' it goes from there to the next.
      rng: of the latents.
      mesh: the devices.
      kind: 'slerp' or 'lerp', over 'z'.

    Raises:
      ValueError: on another ``over``, or a method that has no latents or classes to go over.
    """
    if over not in ("z", "class"):
        raise ValueError(f"interpolate over 'z' or 'class', got {over!r}")
    if method.latent_shapes is None or (over == "class" and not method.num_classes):
        raise ValueError(f"interpolation over {over!r} needs a method with latents, and over 'class' one with classes")
    start_rng, end_rng = jax.random.split(rng)
    start = jax.random.normal(start_rng, (rows, *method.latent_shapes.shape))
    end = jax.random.normal(end_rng, start.shape)
    first = jnp.asarray(np.resize(classes, rows))
    second = jnp.asarray(np.resize(np.roll(classes, -1), rows))
    if over == "z":
        z = path(start, end, columns, kind=kind)
        labels = jnp.repeat(first, columns)
    else:
        z = jnp.repeat(start[:, None], columns, 1)
        one, other = (jax.nn.one_hot(c, method.num_classes) for c in (first, second))
        labels = path(one, other, columns, kind="lerp").reshape(rows * columns, -1)
    batch = {"z": z.reshape(rows * columns, -1), "label": labels}
    size = -(-rows * columns // mesh.size) * mesh.size
    batch = jax.tree.map(lambda x: jnp.resize(x, (size, *x.shape[1:])), batch)
    with jax.set_mesh(mesh):
        draw = jax.jit(lambda nets, batch, rng: to_uint8(method.sample(nets, batch, rng)["image"]))
        images = np.asarray(draw(nets, batch, rng))
    return tile(images[: rows * columns], columns)
