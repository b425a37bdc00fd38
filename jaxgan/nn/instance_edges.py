"""Edges between the instances of a label map (pix2pixHD: Wang et al. 2017, arXiv:1711.11585, section 3.3)."""

import jax.numpy as jnp
from jax import Array


def instance_edges(ids: Array) -> Array:
    """1 where a pixel's id differs from that of any of its four neighbours, else 0.

    Args:
      ids: int [B, H, W].

    Returns:
      [B, H, W, 1] float32.
    """
    rows = ids[:, 1:] != ids[:, :-1]
    columns = ids[:, :, 1:] != ids[:, :, :-1]
    above, below = ((0, 0), (1, 0), (0, 0)), ((0, 0), (0, 1), (0, 0))
    left, right = ((0, 0), (0, 0), (1, 0)), ((0, 0), (0, 0), (0, 1))
    edges = jnp.pad(rows, above) | jnp.pad(rows, below) | jnp.pad(columns, left) | jnp.pad(columns, right)
    return edges[..., None].astype(jnp.float32)
