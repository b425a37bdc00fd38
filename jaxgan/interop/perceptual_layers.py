"""Networks of perceptual losses by name, with their weights found and checked."""

import functools
from os import PathLike
from pathlib import Path

import jax
import numpy as np

from jaxgan.features.efficientnet_lite_weights import efficientnet_lite0_variables, find_efficientnet_lite0
from jaxgan.features.perceptual_layers import LAYERS, NAMES, PerceptualLayers, layers_of
from jaxgan.features.trunk_weights import trunk_variables
from jaxgan.interop.perceptual import TRUNKS, open_perceptual
from jaxgan.interop.weights import PublishedWeights, find_weights, read_weights, sha256_of
from jaxgan.training.errors import UserError

PUBLISHED = {
    "vgg16": TRUNKS["vgg"],
    "vgg19": PublishedWeights(
        name="VGG19 (torchvision)",
        names=("vgg19-dcbb9e9d.pth",),
        url="https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",
        sha256="dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44",
        size=574_673_361,
    ),
}


def open_perceptual_layers(
    name: str, *, normalized: bool = True, weights: str | PathLike[str] | None = None, download: bool = True
) -> PerceptualLayers:
    """Opens the network of a perceptual loss.

    Args:
      name: 'vgg16' or 'vgg19' (the first convolution of each of five stages), 'vgg16_43' (the last one of the first
        four), 'vgg19_54' (the last of VGG19), or 'efficientnet_lite0', which the extra ``jaxgan[features]`` brings and
        no network access is needed for.
      normalized: VGG is fed images under ImageNet's mean and deviation; False for images in [-1, 1].
      weights: a file of weights instead of the published one.
      download: whether to fetch weights that are not found.

    Raises:
      UserError: on another name, or weights that are not there or not this network's.
    """
    if name not in NAMES:
        raise UserError(f"no network of perceptual losses {name!r}; choose from {', '.join(NAMES)}")
    try:
        path = _file_of(name, weights, download=download)
        if name == "efficientnet_lite0":
            variables = efficientnet_lite0_variables(read_weights(path))
        else:
            variables = trunk_variables(*LAYERS[name], read_weights(path))
    except (FileNotFoundError, ValueError) as error:
        raise error if isinstance(error, UserError) else UserError(str(error)) from error
    arrays = jax.tree.map(np.asarray, variables)
    return PerceptualLayers(name, sha256_of(path), arrays, layers_of(name, normalized=normalized))


@functools.cache
def perceptual_digest(name: str, weights: str | None = None) -> str:
    """The SHA-256 of the weights that a perceptual loss looks through, for stamps; read once a process.

    Args:
      name: of :func:`open_perceptual_layers`, or a distance of :func:`jaxgan.interop.perceptual.open_perceptual`.
      weights: a file of weights instead of the published one.

    Raises:
      UserError: as those do.
    """
    if name not in NAMES:
        return open_perceptual(name, weights=weights).digest
    try:
        return sha256_of(_file_of(name, weights))
    except FileNotFoundError as error:
        raise UserError(str(error)) from error


def _file_of(name: str, weights: str | PathLike[str] | None, *, download: bool = True) -> Path:
    if name == "efficientnet_lite0":
        return find_efficientnet_lite0() if weights is None else Path(weights).expanduser()
    return find_weights(PUBLISHED[LAYERS[name][0]], weights, download=download)
