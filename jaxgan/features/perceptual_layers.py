"""Layers of networks trained on ImageNet that perceptual losses compare images by: VGG16, VGG19, EfficientNet-Lite0."""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array

from jaxgan.features.efficientnet_lite import EfficientNetLite0, features_input
from jaxgan.features.trunk import Trunk

# ImageNet's mean and deviation of RGB in [0, 1].
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# torchvision's numbers of the layers: the first convolution of each stage (pix2pixHD, SPADE), and the last one, phi_5,4
# of SRGAN; the last one of the first four stages (MobileStyleGAN).
LAYERS = {
    "vgg16": ("vgg16", (0, 5, 10, 17, 24)),
    "vgg16_43": ("vgg16", (2, 7, 14, 21)),
    "vgg19": ("vgg19", (0, 5, 10, 19, 28)),
    "vgg19_54": ("vgg19", (34,)),
}
NAMES = (*LAYERS, "efficientnet_lite0")


class PerceptualLayers(NamedTuple):
    """A network with its weights.

    Attributes:
      name: one of :data:`NAMES`.
      digest: SHA-256 of the weights.
      variables: the weights.
      apply: a pure, hashable function of (variables, images [B, H, W, 1 or 3] float in [-1, 1]) -> a tuple of layers.
    """

    name: str
    digest: str
    variables: Any
    apply: Callable[[Any, Array], tuple[Array, ...]]


@dataclasses.dataclass(frozen=True)
class VggLayers:
    """The layers ``LAYERS[name]`` of VGG, after ReLU.

    Attributes:
      name: 'vgg16', 'vgg16_43', 'vgg19' or 'vgg19_54'.
      normalized: images go through ImageNet's mean and deviation first, as the network was trained; NVIDIA/pix2pixHD
        and NVlabs/SPADE feed it images in [-1, 1] as they are.
    """

    name: str
    normalized: bool = True

    def __call__(self, variables: Any, images: Array) -> tuple[Array, ...]:
        """(variables, images [B, H, W, 1 or 3] float in [-1, 1]) -> [B, h, w, C] each."""
        x = _rgb(images)
        if self.normalized:
            mean, deviation = (jnp.array(values).reshape(1, 1, 1, 3) for values in (MEAN, DEVIATION))
            x = ((x + 1) / 2 - mean) / deviation
        network, looked_at = LAYERS[self.name]
        found: Any = Trunk(network, looked_at, precision=None).apply(variables, x)
        return tuple(found)


@dataclasses.dataclass(frozen=True)
class EfficientNetLite0Layers:
    """The last map of each of five resolutions, linear; sides of 32 or more. ``jaxgan[features]`` brings the
    weights.
    """

    def __call__(self, variables: Any, images: Array) -> tuple[Array, ...]:
        """(variables, images [B, H, W, 1 or 3] float in [-1, 1]) -> [B, h, w, C] each."""
        found: Any = EfficientNetLite0(precision=None).apply(variables, features_input((_rgb(images) + 1) * 127.5))
        return tuple(found.maps)


def layers_of(name: str, *, normalized: bool = True) -> VggLayers | EfficientNetLite0Layers:
    """The layers ``name``, one of :data:`NAMES`; ``normalized`` is VGG's."""
    return EfficientNetLite0Layers() if name == "efficientnet_lite0" else VggLayers(name, normalized)


def _rgb(images: Array) -> Array:
    images = images.astype(jnp.float32)
    return jnp.broadcast_to(images, (*images.shape[:-1], 3)) if images.shape[-1] == 1 else images
