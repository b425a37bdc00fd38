"""Between a batch and the networks: images are bytes outside and [-1, 1] inside, points are as they are."""

from jax import Array

from jaxgan.nn import from_uint8
from jaxgan.training.method import Batch


def input_of(batch: Batch) -> Array:
    """What D judges: ``batch['image']`` uint8 [B, H, W, C] as floats in [-1, 1], or ``batch['point']`` float [B, D].

    Raises:
      ValueError: where the batch has neither.
    """
    if "image" in batch:
        return from_uint8(batch["image"])
    if "point" in batch:
        return batch["point"]
    raise ValueError(f"a batch holds 'image' or 'point', this one {sorted(batch)}")


def output_of(drawn: Array) -> dict[str, Array]:
    """What G drew, by its name: 'image' [B, H, W, C] or 'point' [B, D]."""
    return {"image" if drawn.ndim == 4 else "point": drawn}
