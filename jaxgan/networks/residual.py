"""Common parts of the residual networks (SNGAN, SAGAN, WGAN-GP, BigGAN, BigGAN-deep): rows of channel tables, the last
layers of G and of D.
"""

from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgan import nn as layers
from jaxgan.networks.heads import logit_head

Widths = tuple[int, ...]


def widths_for(resolution: int, table: dict[int, Widths], widths: Widths | None) -> Widths:
    """The row of ``table``, or ``widths`` instead where given, of the same length.

    Raises:
      ValueError: on an unknown resolution or a wrong length.
    """
    if resolution not in table:
        raise ValueError(f"resolution={resolution} is not in the paper's tables; choose from {sorted(table)}")
    row = table[resolution]
    if widths is None:
        return row
    if len(widths) != len(row):
        raise ValueError(
            f"widths={tuple(widths)} has {len(widths)} entries; resolution {resolution} has {len(row)}: {row}"
        )
    return tuple(widths)


def to_images(features: Array, channels: int, norm: dict[str, Any], *, train: bool, **fields: Any) -> Array:
    """The last layers of a generator: ``norm``, ReLU, the 3x3 convolution ``to_image``, tanh.

    Args:
      features: the last map, [B, H, W, C] float.
      channels: of the images.
      norm: fields of :class:`jaxgan.nn.BatchNorm`.
      train: normalise with the batch's statistics.
      **fields: of :class:`jaxgan.nn.Conv`.

    Returns:
      [B, H, W, channels] float32 in [-1, 1].
    """
    h = nn.relu(layers.BatchNorm(name="norm", **norm)(features, train=train))
    h = layers.Conv(channels, (3, 3), name="to_image", **fields)(h)
    return jnp.tanh(h.astype(jnp.float32))


def pooled_logits(network: Any, features: Array, labels: Array | None, *, pooling: str = "sum", **head: Any) -> Array:
    """The last layers of a discriminator: ReLU, pooling over positions, and the logit of the pooled features, which
    are shown to :func:`jaxgan.nn.sow_features`.

    Args:
      network: the discriminator, inside its call. Its ``minibatch`` tells the head about the batch: 'none',
        'discrimination' of the pooled features, or 'stddev', a channel of the map.
      features: the last map, [B, H, W, C] float.
      labels: as :class:`jaxgan.networks.heads.LogitHead` takes them.
      pooling: see :func:`jaxgan.nn.pooled`.
      **head: fields of the head that are not read from the network's.

    Returns:
      [B] float32.
    """
    h = layers.pooled(features, pooling)
    layers.sow_features(network, h)
    if network.minibatch == "stddev":
        h = layers.pooled(layers.minibatch_stddev(nn.relu(features)), pooling)
        head["minibatch"] = "none"
    return logit_head(network, **head)(h, labels)
