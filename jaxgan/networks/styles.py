"""Styles: a mapping network from latents to w, truncation of w, and mixing of two latents' styles (StyleGAN: Karras et
al. 2019, arXiv:1812.04948, sections 2 and 3.1, appendix B).
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgan.networks.common import check_latents
from jaxgan.networks.conditioning import class_weights
from jaxgan.nn.equalized import EqualizedDense
from jaxgan.parallel import shard_batch

NOISES = ("random", "const", "none")
SLOPE = 0.2


def to_unit_square(x: Array, *, eps: float = 1e-8) -> Array:
    """Features over the root of their mean square (ProGAN's pixel norm): [..., F]."""
    return x * jax.lax.rsqrt(jnp.square(x).mean(-1, keepdims=True) + eps)


class Mapping(nn.Module):
    """Latents, classes, or both, to w, whose moving average is kept in the collection 'w_avg'.

    Attributes:
      w_dim: numbers of w.
      num_classes: of the condition; 0 for none.
      layers: dense layers.
      lr_multiplier: of their rate.
      decay: of the average; None for no average.
      gain_of_weights: sqrt(2) is of the weights (StyleGAN), and not of what the leaky ReLU gives (StyleGAN2), where it
        is the biases' as well.
      param_dtype: of the parameters.
    """

    w_dim: int = 512
    num_classes: int = 0
    layers: int = 8
    lr_multiplier: float = 0.01
    decay: float | None = 0.995
    gain_of_weights: bool = False
    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, z: Array | None, labels: Array, *, train: bool, move: bool = True) -> Array:
        """z [B, Z], or None for classes alone, and labels -> w [B, w_dim] float32.

        In train mode the average moves, unless ``move`` is False.
        """
        parts = [] if z is None else [to_unit_square(z.astype(jnp.float32))]
        if self.num_classes:
            embed = EqualizedDense(self.w_dim, name="embed", param_dtype=self.param_dtype)
            parts.append(to_unit_square(embed(class_weights(labels, self.num_classes))))
        x = jnp.concatenate(parts, axis=-1)
        before, after = (math.sqrt(2), 1.0) if self.gain_of_weights else (1.0, math.sqrt(2))
        for number in range(self.layers):
            fields: dict[str, Any] = dict(lr_multiplier=self.lr_multiplier, param_dtype=self.param_dtype)
            x = after * jax.nn.leaky_relu(
                EqualizedDense(self.w_dim, gain=before, name=f"fc{number}", **fields)(x), SLOPE
            )
        if self.decay is not None:
            average = self.variable("w_avg", "w_avg", lambda: jnp.zeros(self.w_dim, jnp.float32))
            if train and move and not self.is_initializing():
                mean = jax.lax.stop_gradient(x).mean(0)
                average.value = mean + self.decay * (average.value - mean)
        return x

    def average(self) -> Array:
        """w_avg, [w_dim]."""
        found: Array = self.get_variable("w_avg", "w_avg")
        return found


def truncated(ws: Array, average: Array, psi: Array | float, cutoff: Array | int | None) -> Array:
    """Styles [B, L, W] brought towards the ``average`` [W] by ``psi``, in the first ``cutoff`` layers where that is
    given (appendix B).
    """
    near = average[None, None] + psi * (ws - average[None, None])
    return near if cutoff is None else jnp.where(jnp.arange(ws.shape[1])[None, :, None] < cutoff, near, ws)


def mixed(key: Array, ws: Array, other: Array, share: float) -> Array:
    """Styles [B, L, W] with those of ``other`` [B, W] from a layer on, in a ``share`` of the calls: one layer for the
    whole batch, uniform in [1, L).
    """
    whether, where = jax.random.split(key)
    layer = jax.random.randint(where, (), 1, ws.shape[1])
    layer = jnp.where(jax.random.uniform(whether, ()) < share, layer, ws.shape[1])
    return jnp.where(jnp.arange(ws.shape[1])[None, :, None] < layer, ws, other[:, None])


def styles_of(
    network: Any, z: Array, labels: Array, *, train: bool, psi: Array | float = 1.0, cutoff: Array | int | None = None
) -> Array:
    """Styles [B, num_ws, w_dim] of latents, of a generator with a :class:`Mapping` ``map`` and ``num_ws``.

    Args:
      network: the generator, bound.
      z: [B, z_dim].
      labels: int [B], or float class weights [B, num_classes]; not used without classes.
      train: whether the average of w moves.
      psi, cutoff: of truncation; see :func:`truncated`.
    """
    check_latents(network, z)
    ws = jnp.repeat(network.map(z, labels, train=train)[:, None], network.num_ws, axis=1)
    return ws if isinstance(psi, int | float) and psi == 1 else truncated(ws, network.map.average(), psi, cutoff)


def mixed_with_drawn(network: Any, ws: Array, z: Array, labels: Array) -> Array:
    """``ws`` [B, num_ws, w_dim] of ``z``, mixed with the styles of latents that are drawn from the stream 'mix', in a
    share ``network.mixing`` of the calls; see :func:`mixed`.
    """
    if not network.mixing or network.is_initializing():
        return ws
    key, drawn = jax.random.split(network.make_rng("mix"))
    other = network.map(shard_batch(jax.random.normal(drawn, z.shape)), labels, train=True, move=False)
    return mixed(key, ws, other, network.mixing)
