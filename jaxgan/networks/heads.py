"""Discriminator heads: the logit (with or without projection of the class), ACGAN's classifier, InfoGAN's Q, each on
the representation [B, F] before D's last layer.

All compute in float32. Their fields ``spectral_norm``, ``sn_eps``, ``weight_init`` and ``param_dtype`` are as in
:mod:`jaxgan.networks.common`.
"""

import itertools
from typing import Any, NamedTuple

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgan import nn as layers
from jaxgan.networks.common import batch_norm_fields, check_choice, pick, weight_fields
from jaxgan.networks.conditioning import check_conditioning

MINIBATCH = ("none", "discrimination", "stddev")


class LogitHead(nn.Module):
    """linear(h), with <embed(label), h> added where ``conditioning`` is 'projection' (arXiv:1802.05637, eq. 3).

    Attributes:
      num_classes: rows of the class table.
      conditioning: 'projection', or 'none'.
      minibatch: what joins h before the linear layer, computed over the batch: 'none', 'discrimination' (Salimans et
        al. 2016, arXiv:1606.03498, section 3.2) or 'stddev' (Karras et al. 2017, arXiv:1710.10196, section 3).
      minibatch_kernels, minibatch_dim: of 'discrimination'; openai/improved-gan's 100 and 5.
      use_bias: of the linear layer.
      kernel_init: of all weights.
    """

    num_classes: int = 0
    conditioning: str = "none"
    minibatch: str = "none"
    minibatch_kernels: int = 100
    minibatch_dim: int = 5
    use_bias: bool = True
    spectral_norm: bool = False
    sn_eps: float = 1e-6
    kernel_init: Any = nn.initializers.orthogonal()
    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, features: Array, labels: Array | None) -> Array:
        """Scores features [B, F] under labels ([B] int or [B, num_classes] weights) -> [B] float32 logits.

        Raises:
          ValueError: on an unknown ``minibatch`` or ``conditioning``, or 'projection' without labels.
        """
        check_conditioning(self.conditioning, self.num_classes, accepted=("none", "projection"))
        check_choice("minibatch", self.minibatch, MINIBATCH)
        shared = pick(self, "spectral_norm", "sn_eps", "param_dtype") | dict(dtype=jnp.float32)
        h = wide = features.astype(jnp.float32)
        if self.minibatch == "discrimination":
            wide = layers.MinibatchDiscrimination(
                kernels=self.minibatch_kernels, kernel_dim=self.minibatch_dim, name="minibatch"
            )(h)
        elif self.minibatch == "stddev":
            wide = layers.minibatch_stddev(h)
        linear = layers.Dense(1, use_bias=self.use_bias, kernel_init=self.kernel_init, name="linear", **shared)
        logits = linear(wide)[:, 0]
        if self.conditioning == "projection":
            if labels is None:
                raise ValueError("conditioning='projection' needs labels, got None")
            embed = layers.Embed(self.num_classes, h.shape[-1], embedding_init=self.kernel_init, name="embed", **shared)
            logits = logits + (embed(labels) * h).sum(-1)
        return logits


def logit_head(network: Any, **given: Any) -> LogitHead:
    """The head ``head`` of a discriminator, inside its call, with the network's fields of the same names.

    Args:
      network: has ``num_classes``, ``conditioning`` (of which 'projection' alone is the head's), ``minibatch``,
        ``spectral_norm``, ``sn_eps``, ``weight_init`` and ``param_dtype``.
      **given: fields of :class:`LogitHead` that are not read from the network.
    """
    if "kernel_init" not in given:
        given["kernel_init"] = layers.initializer(network.weight_init)
    if "conditioning" not in given:
        given["conditioning"] = "projection" if network.conditioning == "projection" else "none"
    return LogitHead(
        name="head", **pick(network, "num_classes", "minibatch", "spectral_norm", "sn_eps", "param_dtype", **given)
    )


def logits_of(network: Any, features: Array, labels: Array | None, **given: Any) -> Array:
    """The logits of a discriminator's last layer, flattened, which is shown to :func:`jaxgan.nn.sow_features`.

    Args:
      network: as in :func:`logit_head`, with ``minibatch_kernels`` and ``minibatch_dim``. A ``minibatch`` of 'stddev'
        is a channel of a map, or a column of a vector.
      features: [B, F] or [B, H, W, C] float.
      labels: as :class:`LogitHead` takes them.
      **given: as in :func:`logit_head`.

    Returns:
      [B] float32.
    """
    h = features.astype(jnp.float32)
    layers.sow_features(network, h.reshape(h.shape[0], -1))
    if h.ndim > 2 and network.minibatch == "stddev":
        h, given["minibatch"] = layers.minibatch_stddev(h), "none"
    head = logit_head(network, **pick(network, "minibatch_kernels", "minibatch_dim"), **given)
    return head(h.reshape(h.shape[0], -1), labels)


class ClassifierHead(nn.Module):
    """A linear layer from D's representation to class logits (ACGAN: Odena et al. 2016, arXiv:1610.09585).

    Attributes:
      num_classes: outputs.
    """

    num_classes: int = 10
    weight_init: str = "normal_02"
    spectral_norm: bool = False
    sn_eps: float = 1e-6
    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, features: Array, *, train: bool) -> Array:
        """Features [B, F] -> logits [B, num_classes] float32; nothing depends on ``train``."""
        del train
        linear = layers.Dense(self.num_classes, name="linear", **weight_fields(self, dtype=jnp.float32))
        return linear(features.astype(jnp.float32))


class Codes(NamedTuple):
    """Q(c | x) of :class:`CodeHead`: factored categoricals and Gaussians."""

    categorical: tuple[Array, ...]
    """For each categorical code its logits [B, K], float32."""
    mean: Array
    """[B, continuous] float32."""
    log_std: Array
    """[B, continuous] float32."""


class CodeHead(nn.Module):
    """InfoGAN's Q (Chen et al. 2016, arXiv:1606.03657, appendix C.1): FC, batch norm, leaky ReLU, FC.

    Where the paper learns the Gaussians' deviation, openai/InfoGAN's MNIST run fixes it at one (its ``fix_std``), and
    where the paper's leaky ReLU has slope 0.1, the code's has 0.01: the defaults are the code's.

    Attributes:
      categorical: the number of values of each categorical code.
      continuous: the number of continuous codes.
      hidden: units of the hidden layer; 0 for none.
      batch_norm: after the hidden layer.
      leak: the leaky ReLU's slope.
      fixed_std: ``log_std`` is zero; otherwise the network gives the log variance, which ``log_std`` halves.
      bn_eps, bn_groups: as in :class:`jaxgan.nn.BatchNorm`.
    """

    categorical: tuple[int, ...] = (10,)
    continuous: int = 2
    hidden: int = 128
    batch_norm: bool = True
    leak: float = 0.01
    fixed_std: bool = True
    weight_init: str = "normal_02"
    spectral_norm: bool = False
    sn_eps: float = 1e-6
    bn_eps: float = 1e-5
    bn_groups: int | None = None
    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, features: Array, *, train: bool) -> Codes:
        """Features [B, F] -> the distribution of each code.

        Args:
          features: [B, F] float.
          train: normalise with the batch's statistics.

        Returns:
          :class:`Codes`.

        Raises:
          ValueError: where there are no codes.
        """
        if not self.categorical and not self.continuous:
            raise ValueError("CodeHead has no codes: set categorical, such as (10,), or continuous")
        dense = weight_fields(self, dtype=jnp.float32)
        h = features.astype(jnp.float32)
        if self.hidden:
            h = layers.Dense(self.hidden, name="hidden", **dense)(h)
            if self.batch_norm:
                norm = layers.BatchNorm(name="norm", **batch_norm_fields(self, dtype=jnp.float32))
                h = norm(h, train=train)
            h = nn.leaky_relu(h, self.leak)
        per_code = 1 if self.fixed_std else 2
        out = layers.Dense(sum(self.categorical) + per_code * self.continuous, name="codes", **dense)(h)
        *categorical, gaussian = jnp.split(out, list(itertools.accumulate(self.categorical)), axis=1)
        mean, log_variance = gaussian[:, : self.continuous], gaussian[:, self.continuous :]
        return Codes(tuple(categorical), mean, jnp.zeros_like(mean) if self.fixed_std else log_variance / 2)
