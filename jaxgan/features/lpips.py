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

# ImageNet's mean and deviation in [0, 1] brought to [-1, 1], with the package's rounding.
SHIFT = (-0.030, -0.088, -0.188)
SCALE = (0.458, 0.448, 0.450)
# TermOutput to the norm of a position's channels, as the package does.
NORM_EPS = 1e-10

# Each trunk as torchvision numbers the layers of its `features`, ReLUs left out: ('conv', number, channels, kernel,
# stride, padding), ('fire', number, squeezed, expanded), ('pool', window, ceil) with stride 2, and 'tap'.
TRUNKS: dict[str, tuple[tuple[Any, ...], ...]] = {
    "vgg": (
        *(("conv", 0, 64, 3, 1, 1), ("conv", 2, 64, 3, 1, 1), ("sow_features",), ("pool", 2, False)),
        *(("conv", 5, 128, 3, 1, 1), ("conv", 7, 128, 3, 1, 1), ("sow_features",), ("pool", 2, False)),
        *(("conv", 10, 256, 3, 1, 1), ("conv", 12, 256, 3, 1, 1), ("conv", 14, 256, 3, 1, 1), ("sow_features",)),
        ("pool", 2, False),
        *(("conv", 17, 512, 3, 1, 1), ("conv", 19, 512, 3, 1, 1), ("conv", 21, 512, 3, 1, 1), ("sow_features",)),
        ("pool", 2, False),
        *(("conv", 24, 512, 3, 1, 1), ("conv", 26, 512, 3, 1, 1), ("conv", 28, 512, 3, 1, 1), ("sow_features",)),
    ),
    "alex": (
        *(("conv", 0, 64, 11, 4, 2), ("sow_features",), ("pool", 3, False)),
        *(("conv", 3, 192, 5, 1, 2), ("sow_features",), ("pool", 3, False)),
        *(("conv", 6, 384, 3, 1, 1), ("sow_features",)),
        *(("conv", 8, 256, 3, 1, 1), ("sow_features",)),
        *(("conv", 10, 256, 3, 1, 1), ("sow_features",)),
    ),
    "squeeze": (
        *(("conv", 0, 64, 3, 2, 0), ("sow_features",), ("pool", 3, True)),
        *(("fire", 3, 16, 64), ("fire", 4, 16, 64), ("sow_features",), ("pool", 3, True)),
        *(("fire", 6, 32, 128), ("fire", 7, 32, 128), ("sow_features",), ("pool", 3, True)),
        *(("fire", 9, 48, 192), ("sow_features",)),
        *(("fire", 10, 48, 192), ("sow_features",)),
        *(("fire", 11, 64, 256), ("sow_features",)),
        *(("fire", 12, 64, 256), ("sow_features",)),
    ),
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
    """The convolutions of torchvision's VGG16, AlexNet or SqueezeNet 1.1, up to the last that LPIPS looks at.

    Attributes:
      trunk: 'vgg', 'alex' or 'squeeze', as the lpips package calls them.
      precision: of the convolutions.
    """

    trunk: str
    precision: Any = jax.lax.Precision.HIGHEST

    @nn.compact
    def __call__(self, x: Array) -> tuple[Array, ...]:
        """[B, H, W, 3] of ImageNet's scale -> the taps [B, h, w, C], after ReLU: five, of SqueezeNet seven."""
        taps = []
        for kind, *layer in TRUNKS[self.trunk]:
            if kind == "conv":
                number, features, kernel, stride, padding = layer
                conv = nn.Conv(
                    features,
                    (kernel, kernel),
                    strides=stride,
                    padding=padding,
                    precision=self.precision,
                    name=f"features_{number}",
                )
                x = nn.relu(conv(x))
            elif kind == "fire":
                number, squeezed, expanded = layer
                x = Fire(squeezed, expanded, self.precision, name=f"features_{number}")(x)
            elif kind == "pool":
                window, ceil = layer
                # Where the last window would stick out, `ceil` keeps what of it there is.
                extra = [(0, (side - window) % 2 if ceil else 0) for side in x.shape[1:3]]
                x = nn.max_pool(x, (window, window), (2, 2), extra)
            else:
                taps.append(x)
        return tuple(taps)


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
        features = Trunk(self.trunk, self.precision, name="features")

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
