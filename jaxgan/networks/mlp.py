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
from jaxgan.networks.conditioning import check_conditioning, class_weights, join_classes
from jaxgan.networks.heads import LogitHead
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


def _activation(name: str, leak: float, *, others: tuple[str, ...] = ()) -> Callable[[Array], Array]:
    if name not in ACTIVATIONS:
        raise ValueError(f"activation={name!r}; choose from {', '.join((*ACTIVATIONS, *others))}")
    return lambda h: ACTIVATIONS[name](h, leak)


class Generator(nn.Module):
    """Latents, and labels, to images or points.

    Attributes:
      num_classes: classes; 0 for none, labels being ignored.
      z_dim: latent size.
      image_shape: of the output without the batch: (H, W, C), or (2,) for points.
      hidden: units of each layer.
      activation: 'relu', 'leaky_relu' or 'tanh'.
      leak: of 'leaky_relu', the slope.
      batch_norm: after each hidden layer.
      spectral_norm, sn_eps: of all weights.
      conditioning: 'none', 'concat' or, with ``batch_norm``, 'cbn'; see :mod:`jaxgan.networks.conditioning`.
      label_hidden: with 'concat', units of a layer of the class alone, which joins the first hidden layer in place of
        the one-hot joining z.
      dropout: the share of hidden units dropped in training.
      output: 'tanh', 'linear', or 'auto': tanh for images, linear for points.
      weight_init: see :func:`jaxgan.nn.initializers.initializer`.
      bn_eps, bn_groups: of the norms; ``bn_groups`` as ``groups`` in :class:`jaxgan.nn.BatchNorm`.
      dtype, param_dtype: of the computation and of the parameters.
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
        """Draws images.

        Args:
          z: [B, z_dim] float.
          labels: [B] int, or [B, num_classes] float class weights, for mixtures.
          train: normalise with the batch's statistics; drop units, by the rng 'dropout'.

        Returns:
          [B, *image_shape] float32, in [-1, 1] after a tanh.

        Raises:
          ValueError: where z has another size, a name is unknown, or 'cbn' lacks ``batch_norm``.
        """
        check_conditioning(self.conditioning, self.num_classes, accepted=("none", "concat", "cbn"))
        if z.shape[-1] != self.z_dim:
            raise ValueError(f"z has {z.shape[-1]} columns, but z_dim={self.z_dim}")
        if self.output not in OUTPUTS:
            raise ValueError(f"output={self.output!r}; choose from {', '.join(OUTPUTS)}")
        if self.conditioning == "cbn" and not self.batch_norm:
            raise ValueError("conditioning='cbn' conditions batch norms: set batch_norm=True")
        activate = _activation(self.activation, self.leak)
        dtypes: dict[str, Any] = dict(dtype=self.dtype, param_dtype=self.param_dtype)
        init = layers.initializer(self.weight_init)
        spectral: dict[str, Any] = dict(
            spectral_norm=self.spectral_norm, sn_eps=self.sn_eps, kernel_init=init, **dtypes
        )
        norms: dict[str, Any] = dict(eps=self.bn_eps, groups=self.bn_groups)

        def layer(h: Array, units: int, name: str) -> Array:
            h = layers.Dense(units, name=name, **spectral)(h)
            if self.conditioning == "cbn":
                norm = layers.ConditionalBatchNorm(
                    num_classes=self.num_classes, name=f"norm_{name}", **norms, **spectral
                )
                h = norm(h, labels, train=train)
            elif self.batch_norm:
                h = layers.BatchNorm(name=f"norm_{name}", **norms, **dtypes)(h, train=train)
            return nn.Dropout(self.dropout, deterministic=not train)(activate(h))

        h = shard_batch(z.astype(self.dtype))
        apart = self.conditioning == "concat" and self.label_hidden > 0
        if self.conditioning == "concat" and not apart:
            h = join_classes(h, labels, self.num_classes)
        for index, units in enumerate(self.hidden):
            h = layer(h, units, f"hidden_{index}")
            if apart and index == 0:
                of_class = layer(class_weights(labels, self.num_classes, dtype=h.dtype), self.label_hidden, "label")
                h = jnp.concatenate([h, of_class], axis=-1)
            h = shard_batch(h)
        h = layers.Dense(math.prod(self.image_shape), name="to_image", **spectral)(h).astype(jnp.float32)
        bounded = self.output == "tanh" or (self.output == "auto" and len(self.image_shape) > 1)
        return (jnp.tanh(h) if bounded else h).reshape(-1, *self.image_shape)


class Discriminator(nn.Module):
    """Images or points, and labels, to logits.

    Attributes:
      num_classes, leak, label_hidden, spectral_norm, sn_eps, weight_init, bn_eps, bn_groups, dtype, param_dtype: as in
        :class:`Generator`.
      hidden: units of each layer.
      activation: 'maxout', 'relu', 'leaky_relu' or 'tanh'.
      pieces: of 'maxout', for all layers or for each; the class's own layer has the first's.
      dropout: the share of hidden units dropped in training.
      input_dropout: the share of pixels.
      batch_norm: after each hidden layer but the first.
      conditioning: 'none', 'concat' or 'projection'; see :mod:`jaxgan.networks.conditioning`.
      minibatch, minibatch_kernels, minibatch_dim: as in :class:`jaxgan.networks.heads.LogitHead`.
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
        """Scores images.

        Args:
          images: [B, ...] float, images in [-1, 1] or points.
          labels: [B] int, or [B, num_classes] float class weights.
          train: normalise with the batch's statistics; drop units, by the rng 'dropout'.

        Returns:
          [B] float32 logits.

        Raises:
          ValueError: where a name is unknown, or ``pieces`` has another length than ``hidden``.
        """
        check_conditioning(self.conditioning, self.num_classes, accepted=("none", "concat", "projection"))
        pieces = (self.pieces,) * len(self.hidden) if isinstance(self.pieces, int) else tuple(self.pieces)
        if len(pieces) != len(self.hidden):
            raise ValueError(f"pieces={pieces} has {len(pieces)} entries for {len(self.hidden)} hidden layers")
        is_maxout = self.activation == "maxout"
        activate = None if is_maxout else _activation(self.activation, self.leak, others=("maxout",))
        dtypes: dict[str, Any] = dict(dtype=self.dtype, param_dtype=self.param_dtype)
        init = layers.initializer(self.weight_init)
        spectral: dict[str, Any] = dict(spectral_norm=self.spectral_norm, kernel_init=init)
        dense = functools.partial(layers.Dense, sn_eps=self.sn_eps, **spectral, **dtypes)

        def layer(h: Array, units: int, pieces: int, name: str, *, norm: bool) -> Array:
            h = dense(units * pieces if is_maxout else units, name=name)(h)
            if norm:
                h = layers.BatchNorm(eps=self.bn_eps, groups=self.bn_groups, name=f"norm_{name}", **dtypes)(
                    h, train=train
                )
            h = maxout(h, pieces) if activate is None else activate(h)
            return nn.Dropout(self.dropout, deterministic=not train)(h)

        h = shard_batch(images.astype(self.dtype).reshape(images.shape[0], -1))
        h = nn.Dropout(self.input_dropout, deterministic=not train)(h)
        apart = self.conditioning == "concat" and self.label_hidden > 0
        if self.conditioning == "concat" and not apart:
            h = join_classes(h, labels, self.num_classes)
        for index, units in enumerate(self.hidden):
            h = layer(h, units, pieces[index], f"hidden_{index}", norm=self.batch_norm and index > 0)
            if apart and index == 0:
                of_class = class_weights(labels, self.num_classes, dtype=h.dtype)
                of_class = layer(of_class, self.label_hidden, pieces[0], "label", norm=False)
                h = jnp.concatenate([h, of_class], axis=-1)
            h = shard_batch(h)
        h = h.astype(jnp.float32)
        layers.sow_features(self, h)
        return LogitHead(
            self.num_classes,
            conditioning="projection" if self.conditioning == "projection" else "none",
            minibatch=self.minibatch,
            minibatch_kernels=self.minibatch_kernels,
            minibatch_dim=self.minibatch_dim,
            sn_eps=self.sn_eps,
            param_dtype=self.param_dtype,
            name="head",
            **spectral,
        )(h, labels)
