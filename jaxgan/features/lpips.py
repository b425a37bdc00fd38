"""LPIPS, a learned perceptual distance (Zhang et al. 2018, arXiv:1801.03924), and its form on another network.

Equation 1 of the paper as version 0.1 of the authors' package computes it, which is the one that published numbers
use: images in [-1, 1] are scaled to ImageNet's statistics first (version 0.0 forgot to).
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array

from jaxgan.features.efficientnet_lite import EfficientNetLite0, features_input
from jaxgan.features.trunk import Trunk

# ImageNet's mean and deviation in [0, 1] brought to [-1, 1], with the package's rounding.
SHIFT = (-0.030, -0.088, -0.188)
SCALE = (0.458, 0.448, 0.450)
# Added to the norm of a position's channels, as the package does.
NORM_EPS = 1e-10

# The package's names of trunks -> torchvision's, and the layers that it looks at, by their numbers there.
TRUNKS = {
    "vgg": ("vgg16", (2, 7, 14, 21, 28)),
    "alex": ("alexnet", (0, 3, 6, 8, 10)),
    "squeeze": ("squeezenet1_1", (0, 4, 7, 9, 10, 11, 12)),
}
# The least side at which each window of a trunk is filled.
SMALLEST = {"vgg": 16, "alex": 31, "squeeze": 25}


def tap_distance(a: Array, b: Array, weights: Array | None = None) -> Array:
    """Squared differences of features of unit length, weighted over channels and averaged over positions.

    Args:
      a, b: [B, H, W, C] features of either image.
      weights: [C], what each channel counts; None is 1 each, which makes it 2 (1 - cosine), in [0, 4].

    Returns:
      [B] float32. The gradient is finite where a position's features are all zero.
    """

    def unit(x: Array) -> Array:
        x = x.astype(jnp.float32)
        squares = jnp.square(x).sum(-1, keepdims=True)
        # The root's own gradient at 0 is infinite, and one `where` behind it does not stop a NaN.
        norm = jnp.where(squares > 0, jnp.sqrt(jnp.where(squares > 0, squares, 1.0)), 0.0)
        return x / (norm + NORM_EPS)

    squares = jnp.square(unit(a) - unit(b))
    return (squares if weights is None else squares * weights.reshape(1, 1, 1, -1)).sum(-1).mean((1, 2))


class LPIPS(nn.Module):
    """The distance, without dropout. Its weights come from :func:`jaxgan.features.lpips_weights.lpips_variables`.

    Attributes:
      trunk: 'alex', which the authors recommend for scores, 'vgg', for losses, or 'squeeze'.
      precision: of the convolutions.
    """

    trunk: str = "alex"
    precision: Any = jax.lax.Precision.HIGHEST

    @nn.compact
    def __call__(self, a: Array, b: Array) -> Array:
        """Two batches [B, H, W, 3] float in [-1, 1] -> [B] float32, 0 for equal images; not a metric in general.

        Raises:
          ValueError: on an unknown trunk, batches of different shapes, images that are not RGB float, or ones too small
            for the trunk.
        """
        if self.trunk not in TRUNKS:
            raise ValueError(f"unknown LPIPS trunk {self.trunk!r}; choose from {list(TRUNKS)}")
        check_pair("LPIPS", a, b, SMALLEST[self.trunk])
        network, looked_at = TRUNKS[self.trunk]
        features = Trunk(network, looked_at, self.precision, name="features")

        def taps(images: Array) -> tuple[Array, ...]:
            shift, scale = (jnp.array(values).reshape(1, 1, 1, -1) for values in (SHIFT, SCALE))
            return features((images.astype(jnp.float32) - shift) / scale)

        total = jnp.zeros(a.shape[0], jnp.float32)
        for k, (x, y) in enumerate(zip(taps(a), taps(b))):
            weights = self.param(f"head_{k}", nn.initializers.constant(1 / x.shape[-1]), (x.shape[-1],))
            total = total + tap_distance(x, y, weights)
        return total


def pd_efficientnet_lite0(variables: Mapping[str, Any], a: Array, b: Array) -> Array:
    """A perceptual distance from EfficientNet-Lite0's maps with no learned weights: not LPIPS, nor comparable to it.

    For where no LPIPS trunk can be had. It is LPIPS's form on the last map of each of five resolutions, with every
    channel weighing 1, which makes each tap a cosine distance (the paper's section 3; its package's `lpips=False`).
    Nothing was fitted to people's judgements, and these maps are linear where LPIPS's come after a ReLU.

    Args:
      variables: of :class:`jaxgan.features.efficientnet_lite.EfficientNetLite0`.
      a, b: [B, H, W, 3] float in [-1, 1], sides of at least 32.

    Returns:
      [B] float32 in [0, 20], 0 for equal images.

    Raises:
      ValueError: on batches of different shapes, images that are not RGB float, or ones too small.
    """
    check_pair("pd_efficientnet_lite0", a, b, 32)
    network = EfficientNetLite0()

    def maps(images: Array) -> tuple[Array, ...]:
        features: Any = network.apply(variables, features_input((images + 1) * 127.5))
        return features.maps

    return jnp.stack([tap_distance(x, y) for x, y in zip(maps(a), maps(b))]).sum(0)


def check_pair(distance: str, a: Array | np.ndarray, b: Array | np.ndarray, smallest: int) -> None:
    """Refuses what the distance would compute nonsense from; see :class:`LPIPS`."""
    if a.shape != b.shape or a.ndim != 4 or a.shape[-1] != 3:
        raise ValueError(
            f"{distance} compares two batches [B, H, W, 3] of one shape, got {list(a.shape)}, {list(b.shape)}"
        )
    for x in (a, b):
        if not jnp.issubdtype(x.dtype, jnp.floating):
            raise ValueError(f"{distance} takes float images in [-1, 1], got {x.dtype}; uint8 ones are x / 127.5 - 1")
    if min(a.shape[1:3]) < smallest:
        raise ValueError(
            f"{distance} needs sides of at least {smallest}, got {a.shape[1]} x {a.shape[2]}; resize the images first"
        )
