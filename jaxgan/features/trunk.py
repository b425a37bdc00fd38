"""Trunks of torchvision's VGG16, VGG19, AlexNet and SqueezeNet 1.1, for losses and distances that look at their layers.

VGG: Simonyan and Zisserman 2014, arXiv:1409.1556, table 1, columns D and E.
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

Layers = tuple[tuple[Any, ...], ...]


def _vgg(*stages: tuple[int, ...]) -> Layers:
    """Stages of 3x3 convolutions, given by the channels of each, with pools between them."""
    layers: list[tuple[Any, ...]] = []
    number = 0
    for stage, widths in enumerate(stages):
        if stage:
            layers.append(("pool", 2, False))
            number += 1
        for width in widths:
            layers.append(("conv", number, width, 3, 1, 1))
            # A ReLU has a number too.
            number += 2
    return tuple(layers)


# Layers by torchvision's numbers in its ``features``, ReLUs left out: ('conv', number, channels, kernel, stride,
# padding), ('fire', number, squeezed, expanded), ('pool', window, ceil) with stride 2.
TRUNKS: dict[str, Layers] = {
    "vgg16": _vgg((64,) * 2, (128,) * 2, (256,) * 3, (512,) * 3, (512,) * 3),
    "vgg19": _vgg((64,) * 2, (128,) * 2, (256,) * 4, (512,) * 4, (512,) * 4),
    "alexnet": (
        *(("conv", 0, 64, 11, 4, 2), ("pool", 3, False), ("conv", 3, 192, 5, 1, 2), ("pool", 3, False)),
        *(("conv", 6, 384, 3, 1, 1), ("conv", 8, 256, 3, 1, 1), ("conv", 10, 256, 3, 1, 1)),
    ),
    "squeezenet1_1": (
        *(("conv", 0, 64, 3, 2, 0), ("pool", 3, True), ("fire", 3, 16, 64), ("fire", 4, 16, 64), ("pool", 3, True)),
        *(("fire", 6, 32, 128), ("fire", 7, 32, 128), ("pool", 3, True), ("fire", 9, 48, 192), ("fire", 10, 48, 192)),
        *(("fire", 11, 64, 256), ("fire", 12, 64, 256)),
    ),
}


class Fire(nn.Module):
    """SqueezeNet's module (Iandola et al. 2016, arXiv:1602.07360, section 3.2): 1x1 down, then 1x1 next to 3x3.

    Attributes:
      squeezed: channels between.
      expanded: channels out of each of the two.
      precision: of the convolutions.
    """

    squeezed: int
    expanded: int
    precision: Any = jax.lax.Precision.HIGHEST

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """[B, H, W, C] -> [B, H, W, 2 * expanded]."""
        x = nn.relu(nn.Conv(self.squeezed, (1, 1), precision=self.precision, name="squeeze")(x))
        one = nn.Conv(self.expanded, (1, 1), precision=self.precision, name="expand1x1")(x)
        three = nn.Conv(self.expanded, (3, 3), padding=1, precision=self.precision, name="expand3x3")(x)
        return nn.relu(jnp.concatenate([one, three], axis=-1))


class Trunk(nn.Module):
    """The convolutions of a network, up to the last layer that is looked at.

    Attributes:
      network: one of :data:`TRUNKS`.
      looked_at: numbers of layers, rising.
      precision: of the convolutions.
    """

    network: str
    looked_at: tuple[int, ...]
    precision: Any = jax.lax.Precision.HIGHEST

    @nn.compact
    def __call__(self, x: Array) -> tuple[Array, ...]:
        """[B, H, W, 3] float -> the layers looked at, [B, h, w, C] each, after their ReLU.

        Raises:
          ValueError: on an unknown network, or a layer that it does not have.
        """
        if self.network not in TRUNKS:
            raise ValueError(f"unknown trunk {self.network!r}; choose from {', '.join(TRUNKS)}")
        found: dict[int, Array] = {}
        for kind, *layer in TRUNKS[self.network]:
            if len(found) == len(self.looked_at):
                break
            if kind == "pool":
                window, ceil = layer
                # Where the last window would stick out, `ceil` keeps what of it there is.
                extra = [(0, (side - window) % 2 if ceil else 0) for side in x.shape[1:3]]
                x = nn.max_pool(x, (window, window), (2, 2), extra)
                continue
            number, *sizes = layer
            if kind == "fire":
                x = Fire(*sizes, precision=self.precision, name=f"features_{number}")(x)
            else:
                features, kernel, stride, padding = sizes
                conv = nn.Conv(
                    features, (kernel, kernel), strides=stride, padding=padding, precision=self.precision,
                    name=f"features_{number}",
                )  # fmt: skip
                x = nn.relu(conv(x))
            if number in self.looked_at:
                found[number] = x
        if len(found) != len(self.looked_at):
            lacking = [number for number in self.looked_at if number not in found]
            raise ValueError(f"{self.network} has no convolution {lacking[0]}")
        return tuple(found[number] for number in self.looked_at)
