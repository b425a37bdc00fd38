"""Between a batch and the networks: images are bytes outside and [-1, 1] inside, points are as they are."""

import jax.numpy as jnp
from jax import Array

from jaxgan.nn import from_uint8
from jaxgan.training.method import Batch


def input_of(batch: Batch) -> Array:
    """What D judges: ``batch['image']`` [B, H, W, C], bytes as floats in [-1, 1] and floats as they are (a pyramid's
    residuals), or ``batch['point']`` float [B, D].

    Raises:
      ValueError: where the batch has neither.
    """
    if "image" in batch:
        image = batch["image"]
        return image if jnp.issubdtype(image.dtype, jnp.floating) else from_uint8(image)
    if "point" in batch:
        return batch["point"]
    raise ValueError(f"a batch holds 'image' or 'point', this one {sorted(batch)}")


def output_of(drawn: Array) -> dict[str, Array]:
    """What G drew, by its name: 'image' [B, H, W, C] or 'point' [B, D]."""
    return {"image" if drawn.ndim == 4 else "point": drawn}
