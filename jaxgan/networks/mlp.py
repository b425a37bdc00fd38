"""Multi-layer perceptrons: of the first GAN, of the conditional GAN, and for points in the plane.

``Generator()`` and ``Discriminator(dropout=0.5, input_dropout=0.2)`` are the networks of Goodfellow et al. 2014
(arXiv:1406.2661) for MNIST, by goodfeli/adversarial's ``mnist.yaml``: two layers of 1200 ReLU, and two of 240 maxout
units of 5 pieces; its noise is N(0, I), the pylearn2 model's default.

Those of the conditional GAN (Mirza & Osindero 2014, arXiv:1411.1784, section 4.1) are
``Generator(num_classes=10, conditioning="concat", hidden=(200, 1200), label_hidden=1000, dropout=0.5)`` and
``Discriminator(num_classes=10, conditioning="concat", hidden=(240, 240), pieces=(5, 4), label_hidden=50,
dropout=0.5)``: noise and class, or image and class, have a layer of their own each before they meet. The paper drops
half the units of both networks; no code was published.

Images being in [-1, 1] here, the sigmoid that both put last is a tanh: 2 sigmoid(2x) - 1.
"""

import functools
import math
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgan import nn as layers
from jaxgan.networks.common import batch_norm, check_choice, check_entries, check_latents, weight_fields
from jaxgan.networks.conditioning import check_conditional_norm, check_conditioning, class_weights, join_classes
from jaxgan.networks.heads import logits_of
from jaxgan.parallel import shard_batch

ACTIVATIONS: dict[str, Callable[[Array, float], Array]] = {
    "relu": lambda h, _: nn.relu(h),
    "leaky_relu": nn.leaky_relu,
    "tanh": lambda h, _: jnp.tanh(h),
}
OUTPUTS = ("auto", "tanh", "linear")


def maxout(h: Array, pieces: int) -> Array:
    """The largest of every ``pieces`` neighbours (Goodfellow et al. 2013, arXiv:1302.4389): [B, F P] -> [B, F]."""
    h = h.reshape(*h.shape[:-1], -1, pieces)
    # Not h.max(-1), whose gradient divides by how many pieces equal the maximum: none does where a compiler computes h
    # twice, with two roundings, and the gradient is then not a number.
    return functools.reduce(jnp.maximum, [h[..., piece] for piece in range(pieces)])


def _activation(name: str, leak: float) -> Callable[[Array], Array]:
    return lambda h: ACTIVATIONS[name](h, leak)


class Generator(nn.Module):
    """Latents, and labels, to images or points.

    Attributes:
      image_shape: of the output without the batch: (H, W, C), or (2,) for points.
      hidden: units of each layer.
      activation: 'relu', 'leaky_relu' or 'tanh'.
      leak: of 'leaky_relu', the slope.
      batch_norm: after each hidden layer.
      conditioning: 'none', 'concat' or, with ``batch_norm``, 'cbn'.
      label_hidden: with 'concat', units of a layer of the class alone, which joins the first hidden layer, instead of
        the one-hot joining z.
      dropout: the share of hidden units dropped in training.
      output: 'tanh', 'linear', or 'auto': tanh for images, linear for points.
      The others: see :mod:`jaxgan.networks.common`.
    """

    num_classes: int = 0
    z_dim: int = 100
    image_shape: tuple[int, ...] = (28, 28, 1)
    hidden: tuple[int, ...] = (1200, 1200)
    activation: str = "relu"
    leak: float = 0.2
    batch_norm: bool = False
    spectral_norm: bool = False
    sn_eps: float = 1e-6
    conditioning: str = "none"
    label_hidden: int = 0
    dropout: float = 0.0
    output: str = "auto"
    weight_init: str = "orthogonal"
    bn_eps: float = 1e-5
    bn_groups: int | None = None
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, z: Array, labels: Array, *, train: bool) -> Array:
        """Draws images or points [B, *image_shape] float32, in [-1, 1] after a tanh; arguments as in
        :mod:`jaxgan.networks.common`.

        Raises:
          ValueError: where z has another size, a name is unknown, or 'cbn' lacks ``batch_norm``.
        """
        check_conditioning(self.conditioning, self.num_classes, accepted=("none", "concat", "cbn"))
        check_conditional_norm(self.conditioning, self.batch_norm)
        check_latents(self, z)
        check_choice("output", self.output, OUTPUTS)
        check_choice("activation", self.activation, ACTIVATIONS)
        activate = _activation(self.activation, self.leak)
        weights = weight_fields(self)

        def layer(h: Array, units: int, name: str) -> Array:
            h = layers.Dense(units, name=name, **weights)(h)
            if self.batch_norm:
                h = batch_norm(self, h, labels, name=f"norm_{name}", train=train)
            return nn.Dropout(self.dropout, deterministic=not train)(activate(h))

        h = shard_batch(z.astype(self.dtype))
        own_layer = self.conditioning == "concat" and self.label_hidden > 0
        if self.conditioning == "concat" and not own_layer:
            h = join_classes(h, labels, self.num_classes)
        for index, units in enumerate(self.hidden):
            h = layer(h, units, f"hidden_{index}")
            if own_layer and index == 0:
                of_class = layer(class_weights(labels, self.num_classes, dtype=h.dtype), self.label_hidden, "label")
                h = jnp.concatenate([h, of_class], axis=-1)
            h = shard_batch(h)
        h = layers.Dense(math.prod(self.image_shape), name="to_image", **weights)(h).astype(jnp.float32)
        bounded = self.output == "tanh" or (self.output == "auto" and len(self.image_shape) > 1)
        return (jnp.tanh(h) if bounded else h).reshape(-1, *self.image_shape)


class Discriminator(nn.Module):
    """Images or points, and labels, to logits.

    Attributes:
      leak, label_hidden: as in :class:`Generator`.
      hidden: units of each layer.
      activation: 'maxout', 'relu', 'leaky_relu' or 'tanh'.
      pieces: of 'maxout', for all layers or for each; the class's own layer has the first's.
      dropout: the share of hidden units dropped in training.
      input_dropout: the share of pixels.
      batch_norm: after each hidden layer but the first.
      conditioning: 'none', 'concat' or 'projection'.
      minibatch, minibatch_kernels, minibatch_dim: as in :class:`jaxgan.networks.heads.LogitHead`.
      The others: see :mod:`jaxgan.networks.common`.
    """

    num_classes: int = 0
    hidden: tuple[int, ...] = (240, 240)
    activation: str = "maxout"
    pieces: int | tuple[int, ...] = 5
    leak: float = 0.2
    dropout: float = 0.0
    input_dropout: float = 0.0
    batch_norm: bool = False
    spectral_norm: bool = False
    sn_eps: float = 1e-6
    conditioning: str = "none"
    label_hidden: int = 0
    minibatch: str = "none"
    minibatch_kernels: int = 100
    minibatch_dim: int = 5
    weight_init: str = "orthogonal"
    bn_eps: float = 1e-5
    bn_groups: int | None = None
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, images: Array, labels: Array, *, train: bool) -> Array:
        """Scores images or points [B, ...]: [B] float32 logits. The last hidden layer is shown to
        :func:`jaxgan.nn.sow_features`.

        Raises:
          ValueError: where a name is unknown, or ``pieces`` has another length than ``hidden``.
        """
        check_conditioning(self.conditioning, self.num_classes, accepted=("none", "concat", "projection"))
        check_choice("activation", self.activation, (*ACTIVATIONS, "maxout"))
        pieces = (self.pieces,) * len(self.hidden) if isinstance(self.pieces, int) else tuple(self.pieces)
        check_entries("pieces", pieces, len(self.hidden), "hidden layer")
        activate = None if self.activation == "maxout" else _activation(self.activation, self.leak)
        weights = weight_fields(self)

        def layer(h: Array, units: int, pieces: int, name: str, *, norm: bool) -> Array:
            h = layers.Dense(units if activate else units * pieces, name=name, **weights)(h)
            if norm:
                h = batch_norm(self, h, name=f"norm_{name}", train=train)
            h = activate(h) if activate else maxout(h, pieces)
            return nn.Dropout(self.dropout, deterministic=not train)(h)

        h = shard_batch(images.astype(self.dtype).reshape(images.shape[0], -1))
        h = nn.Dropout(self.input_dropout, deterministic=not train)(h)
        own_layer = self.conditioning == "concat" and self.label_hidden > 0
        if self.conditioning == "concat" and not own_layer:
            h = join_classes(h, labels, self.num_classes)
        for index, units in enumerate(self.hidden):
            h = layer(h, units, pieces[index], f"hidden_{index}", norm=self.batch_norm and index > 0)
            if own_layer and index == 0:
                of_class = class_weights(labels, self.num_classes, dtype=h.dtype)
                of_class = layer(of_class, self.label_hidden, pieces[0], "label", norm=False)
                h = jnp.concatenate([h, of_class], axis=-1)
            h = shard_batch(h)
        return logits_of(self, h, labels)
