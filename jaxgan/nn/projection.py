"""The projection discriminator's head (Miyato & Koyama 2018, arXiv:1802.05637, eq. 3)."""

from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgan.nn.spectral_norm import Dense, Embed

POOLINGS = ("sum", "mean")


def pooled(features: Array, pooling: str = "sum") -> Array:
    """Features [B, H, W, C] after ReLU, summed or averaged over positions, in float32 since sums grow with the image.

    Returns:
      [B, C] float32.

    Raises:
      ValueError: on a pooling other than ``POOLINGS``.
    """
    if pooling not in POOLINGS:
        raise ValueError(f"pooling={pooling!r}; choose from {', '.join(POOLINGS)}")
    h = nn.relu(features).astype(jnp.float32)
    return h.sum((1, 2)) if pooling == "sum" else h.mean((1, 2))


class ProjectionHead(nn.Module):
    """linear(h) + <embed(label), h>, h the features after ReLU, summed (not averaged) over positions.

    Attributes:
      num_classes: rows of the class table, which is spectrally normalised as the linear layer is.
      sn_eps, kernel_init: of both.
      param_dtype: of the parameters. Sums over positions grow with the image, so the head computes in float32.
    """

    num_classes: int
    sn_eps: float = 1e-6
    kernel_init: Any = nn.initializers.orthogonal()
    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, features: Array, labels: Array) -> Array:
        """Scores features [B, H, W, C] under labels ([B] int or [B, num_classes] weights) -> [B] float32 logits."""
        shared: dict[str, Any] = dict(sn_eps=self.sn_eps, dtype=jnp.float32, param_dtype=self.param_dtype)
        h = pooled(features)
        logits = Dense(1, kernel_init=self.kernel_init, name="linear", **shared)(h)[:, 0]
        embed = Embed(self.num_classes, h.shape[-1], embedding_init=self.kernel_init, name="embed", **shared)
        return logits + (embed(labels) * h).sum(-1)
