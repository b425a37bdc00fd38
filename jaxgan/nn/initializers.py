"""Weight initialisers by the names that papers and configs use."""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

Initializer = Callable[..., Any]

INITIALIZERS: dict[str, Initializer] = {
    # Flattens HWIO as [H * W * I, O], the transpose of torch's [O, I * H * W]: the same set of semi-orthogonal kernels.
    "orthogonal": nn.initializers.orthogonal(),
    "normal_02": nn.initializers.normal(0.02),
    # N(0, 1 / inputs): DALL-E's dVAE.
    "fan_in": nn.initializers.variance_scaling(1.0, "fan_in", "normal"),
    # N(0, 2 / (inputs + outputs)) times 0.02, as torch's xavier_normal_ with that gain.
    "xavier_02": nn.initializers.variance_scaling(0.02**2, "fan_avg", "normal"),
}


def _symmetric_uniform(bound: float) -> Initializer:
    def init(key: Array, shape: tuple[int, ...], dtype: Any = jnp.float32, out_sharding: Any = None) -> Array:
        del out_sharding
        return jax.random.uniform(key, shape, dtype, -bound, bound)

    return init


def initializer(name: str) -> Initializer:
    """The initialiser called ``name``: 'orthogonal' (BigGAN, ImageNet), 'normal_02' (N(0, 0.02): DCGAN,
    BigGAN-PyTorch's CIFAR), 'xavier_02' (Xavier's with a gain of 0.02: SPADE), 'fan_in' (N(0, 1 / inputs): dVAE), or
    with a number 'normal:0.01' (N(0, 0.01^2)) and 'uniform:0.05' (U(-0.05, 0.05): the first GAN).

    Raises:
      ValueError: naming the initialisers that exist.
    """
    if name in INITIALIZERS:
        return INITIALIZERS[name]
    kind, _, text = name.partition(":")
    try:
        scale = float(text)
    except ValueError:
        scale = -1.0
    if kind not in ("normal", "uniform") or not 0 < scale < math.inf:
        raise ValueError(f"unknown init {name!r}; choose from {sorted(INITIALIZERS)}, 'normal:0.02' or 'uniform:0.05'")
    return nn.initializers.normal(scale) if kind == "normal" else _symmetric_uniform(scale)
