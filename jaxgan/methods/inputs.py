"""Network inputs and outputs of a batch: images are bytes outside and [-1, 1] inside, points are as they are."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxgan.nn import from_uint8
from jaxgan.nn.instance_edges import instance_edges
from jaxgan.parallel import shard_batch
from jaxgan.training.method import Batch

# The condition of a picture whose style is taken, which sampling may be given: --style.
STYLE = "style"


def input_of(batch: Batch, field: str | None = None) -> Array:
    """Real examples of a batch for D: ``batch['image']`` [B, H, W, C], bytes as floats in [-1, 1] and floats as they
    are (a pyramid's residuals), or ``batch['point']`` float [B, D].

    Args:
      batch: fields.
      field: another field's name, read as an image.

    Raises:
      ValueError: where the batch has no such field.
    """
    name = field or ("image" if "image" in batch else "point")
    if name not in batch:
        wanted = repr(field) if field else "'image' or 'point'"
        raise ValueError(f"a batch holds {wanted}, this one {sorted(batch)}")
    image = batch[name]
    return image if jnp.issubdtype(image.dtype, jnp.floating) else from_uint8(image)


def output_of(drawn: Array) -> dict[str, Array]:
    """Generated examples by name: 'image' [B, H, W, C] (or of clips [B, T, H, W, C]) or 'point' [B, D]."""
    return {"image" if drawn.ndim >= 4 else "point": drawn}


def unchanged(images: Array, rng: Array, inputs: Mapping[str, Any]) -> Array:
    """``images``."""
    del rng, inputs
    return images


def dequantized(images: Array, rng: Array, inputs: Mapping[str, Any]) -> Array:
    """``images`` plus U(0, 1/128), which fills the gaps between bytes (SNGAN's code; 1/256 of the range of 2)."""
    del inputs
    noise_rng = jax.random.fold_in(rng, 2**20 + 1)
    return images + shard_batch(jax.random.uniform(noise_rng, images.shape, images.dtype, maxval=1 / 128))


def picture_condition(batch: Batch, *, field: str) -> Array:
    """A condition that is a picture: ``batch[field]`` uint8 [B, H, W, C] as float in [-1, 1]."""
    return input_of(batch, field)


def map_condition(batch: Batch, *, field: str, classes: int, instances: str | None = None) -> Array:
    """A condition that is a label map: one-hot, and where there are instances, the edges between them.

    Args:
      batch: ids int [B, H, W, 1] or [B, H, W] of both fields.
      field: the map; ids from ``classes`` on, such as 255 for what is not labelled, are no class.
      classes: how many.
      instances: the map of instances; None for none.

    Returns:
      [B, H, W, classes (+ 1)] float32 of 0 and 1.
    """
    planes = jax.nn.one_hot(_plane(batch[field]), classes)
    if instances is None:
        return planes
    return jnp.concatenate([planes, instance_edges(_plane(batch[instances]))], axis=-1)


def styled_condition(batch: Batch, *, condition: Callable[[Batch], Array], target: str) -> dict[str, Array]:
    """A condition of a map and, as 'style', a picture: the one that sampling is given (:data:`STYLE`), in training the
    true one; none where neither is there.

    Args:
      batch: fields.
      condition: makes the map.
      target: the field of the true picture.
    """
    found = {"map": condition(batch)}
    name = next((name for name in (STYLE, target) if name in batch), None)
    return found if name is None else found | {"style": input_of(batch, name)}


def instance_condition(
    batch: Batch, *, condition: Callable[[Batch], Array], target: str, instances: str
) -> dict[str, Array]:
    """:func:`styled_condition` with the numbers of instances int [B, H, W], of the field ``instances``."""
    return styled_condition(batch, condition=condition, target=target) | {"instances": _plane(batch[instances])}


def _plane(ids: Array) -> Array:
    return (ids[..., 0] if ids.ndim == 4 else ids).astype(jnp.int32)
