"""Minibatch discrimination and standard deviation: a discriminator compares the rows of a batch to see mode collapse.

Both look across the batch axis, which under ``jax.jit`` over a mesh is the global one. A row's score then depends on
the other rows: apply the discriminator to real and to generated images separately, or to a batch whose groups do not
mix them, and know that the gradient of the summed scores, which penalties take, is no longer each image's own.
"""

from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

_EPS = 1e-8


class MinibatchDiscrimination(nn.Module):
    """Appends how close each row lies to the others (Salimans et al. 2016, arXiv:1606.03498, section 3.2).

    With M_i = f(x_i) T, T [F, kernels, kernel_dim], the features of row i are
    o(x_i)_b = sum_j exp(-||M_ib - M_jb||_1). Paper and code (openai/improved-gan, ``mnist_svhn_cifar10/nn.py``) differ,
    and the code is followed: the sum leaves j = i out (the paper's constant 1), a bias [kernels] is added that starts
    at -1, and every column of T is divided by its norm and multiplied by the exponential of a learned scale. The code
    also sets bias and scale from a first batch; here they start at -1 and 0, so that a network may be initialised on
    any rows.

    Attributes:
      kernels, kernel_dim: B and C of the paper; the code for CIFAR-10 takes 100 and 5.
      weight_norm: whether the columns of T are normalised; the paper's T is free.
      include_self: whether the sum takes j = i in, as the paper writes it.
      use_bias: whether there is a bias; the paper has none.
      kernel_init: of T.
      dtype, param_dtype: of the product f(x) T and of the parameters. Distances are float32.
    """

    kernels: int = 100
    kernel_dim: int = 5
    weight_norm: bool = True
    include_self: bool = False
    use_bias: bool = True
    kernel_init: Any = nn.initializers.normal(0.05)
    dtype: Any = None
    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Appends the closeness features: [B, F] float -> [B, F + kernels], of the dtype of ``x``.

        Raises:
          ValueError: where ``x`` is not [B, F].
        """
        if x.ndim != 2:
            raise ValueError(f"minibatch discrimination takes features [B, F], got shape {x.shape}; flatten them")
        size = self.kernels, self.kernel_dim
        kernel = self.param("kernel", self.kernel_init, (x.shape[-1], *size), self.param_dtype).astype(jnp.float32)
        if self.weight_norm:
            scale = self.param("log_scale", nn.initializers.zeros, size, self.param_dtype).astype(jnp.float32)
            kernel = kernel * jnp.exp(scale)[None] / jnp.sqrt(jnp.square(kernel).sum(0, keepdims=True))
        dtype = self.dtype or x.dtype
        projected = jnp.tensordot(x.astype(dtype), kernel.astype(dtype), 1).astype(jnp.float32)
        # Written out: XLA:CPU takes seven times as long for the gradient of a sum over such an axis.
        distance = sum(
            (jnp.abs(part[:, None] - part[None]) for part in jnp.moveaxis(projected, 2, 0)), jnp.zeros((), jnp.float32)
        )
        closeness = jnp.exp(-distance)
        if not self.include_self:
            closeness = jnp.where(jnp.eye(x.shape[0], dtype=bool)[:, :, None], 0.0, closeness)
        features = closeness.sum(1)
        if self.use_bias:
            bias = self.param("bias", nn.initializers.constant(-1.0), (self.kernels,), self.param_dtype)
            features = features + bias.astype(jnp.float32)[None]
        return jnp.concatenate([x, features.astype(x.dtype)], axis=-1)


def minibatch_stddev(x: Array, *, group_size: int | None = 4, channels: int = 1) -> Array:
    """Appends the standard deviation over a group of rows, averaged to one number (ProGAN, arXiv:1710.10196).

    The paper (section 3) takes the whole batch and one number; the code of ProGAN, StyleGAN and StyleGAN2 takes groups
    of at most four rows, and StyleGAN2 may split the channels into runs that give a number each. A group is of
    neighbours, which lie on one device where that has a group or more; in the code group k of n has the rows k, k + n,
    k + 2 n, ..., which is the same in distribution.

    Args:
      x: [B, H, W, C] or [B, F] float.
      group_size: rows of a group, at most the batch; None for the whole batch.
      channels: how many numbers are appended, each over its own run of the channels of ``x``.

    Returns:
      [B, H, W, C + channels] or [B, F + channels], of the dtype of ``x``; the statistics are computed in float32.

    Raises:
      ValueError: where the group does not divide the batch, or ``channels`` does not divide the channels.
    """
    batch, features = x.shape[0], x.shape[-1]
    size = batch if group_size is None else min(group_size, batch)
    if size < 1 or batch % size:
        raise ValueError(
            f"groups of {size} rows do not divide a batch of {batch}; choose a group_size that does, or None for all"
        )
    if channels < 1 or features % channels:
        raise ValueError(f"{channels} numbers do not divide the {features} channels of shape {x.shape}")
    grouped = x.astype(jnp.float32).reshape(batch // size, size, -1, channels, features // channels)
    variance = jnp.square(grouped - grouped.mean(1, keepdims=True)).mean(1)
    deviation = jnp.sqrt(variance + _EPS).mean((1, 3))
    # Not jnp.repeat, which gathers rows by their numbers, and so over devices.
    each = jnp.broadcast_to(deviation[:, None], (batch // size, size, channels)).astype(x.dtype)
    rows = each.reshape(batch, *(1,) * (x.ndim - 2), channels)
    return jnp.concatenate([x, jnp.broadcast_to(rows, (*x.shape[:-1], channels))], axis=-1)
