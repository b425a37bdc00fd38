"""Weight initialisers by the names that papers and configs use."""

from collections.abc import Callable
from typing import Any

from flax import linen as nn

Initializer = Callable[..., Any]

INITIALIZERS: dict[str, Initializer] = {
    # Flattens HWIO as [H * W * I, O], the transpose of torch's [O, I * H * W]: the same set of semi-orthogonal kernels.
    "orthogonal": nn.initializers.orthogonal(),
    "normal_02": nn.initializers.normal(0.02),
}


def initializer(name: str) -> Initializer:
    """The initialiser called ``name``: 'orthogonal' (BigGAN, ImageNet) or 'normal_02' (N(0, 0.02): DCGAN,
    BigGAN-PyTorch's CIFAR).

    Raises:
      ValueError: naming the initialisers that exist.
    """
    if name not in INITIALIZERS:
        raise ValueError(f"unknown init {name!r}; choose from {sorted(INITIALIZERS)}")
    return INITIALIZERS[name]
