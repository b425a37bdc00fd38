"""Feature networks by name, with their weights found and checked."""

import functools
from os import PathLike
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from jaxgan.features.efficientnet_lite_weights import efficientnet_lite0_variables, find_efficientnet_lite0
from jaxgan.features.feature_network import EfficientNetLite0Features, FeatureNetwork, InceptionFeatures
from jaxgan.features.inception_weights import inception_variables
from jaxgan.features.resizers import RESIZERS
from jaxgan.interop.weights import FID_INCEPTION, find_weights, read_weights, sha256_of
from jaxgan.training.errors import UserError

NETWORKS = ("inception", "efficientnet_lite0")
DEFAULT_RESIZER = {"inception": "tf1", "efficientnet_lite0": "clean"}


@functools.cache
def _variables(name: str, path: Path, digest: str) -> Any:
    """The digest is there for the cache: a file may change under its name."""
    del digest
    convert = inception_variables if name == "inception" else efficientnet_lite0_variables
    try:
        tensors = read_weights(path)
    except ValueError as error:
        raise UserError(str(error)) from error
    try:
        return jax.tree.map(jnp.asarray, convert(tensors))
    except ValueError as error:
        raise UserError(f"{path}: {error}") from error


def open_features(
    name: str,
    *,
    weights: str | PathLike[str] | None = None,
    resizer: str | None = None,
    download: bool = True,
) -> FeatureNetwork:
    """Opens a feature network.

    Args:
      name: 'inception', the network of FID, or 'efficientnet_lite0', which the extra ``jaxgan[features]`` brings.
      weights: a file of weights (.pth, .safetensors) instead of the published one.
      resizer: 'tf1', 'torch' or 'clean' (:mod:`jaxgan.features.resizers`); 'tf1' for Inception and 'clean' for
        EfficientNet-Lite0 where None.
      download: whether to fetch Inception's weights where they are not found.

    Raises:
      UserError: on another name or resizer, weights that are not there, or not this network's.
    """
    if name not in NETWORKS:
        raise UserError(f"no feature network {name!r}; choose from {', '.join(NETWORKS)}")
    resizer = resizer or DEFAULT_RESIZER[name]
    if resizer not in RESIZERS:
        raise UserError(f"no resizer {resizer!r}; choose from {', '.join(RESIZERS)}")
    try:
        if name == "inception":
            path = find_weights(FID_INCEPTION, weights, download=download)
        else:
            path = find_efficientnet_lite0() if weights is None else Path(weights).expanduser()
    except FileNotFoundError as error:
        raise UserError(str(error)) from error
    if not path.is_file():
        raise UserError(f"{path} is no file; give the path of a file with the weights of {name}")
    digest = sha256_of(path)
    variables = _variables(name, path.resolve(), digest)
    if name == "inception":
        known = digest == FID_INCEPTION.sha256
        return FeatureNetwork(name, digest, resizer, variables, InceptionFeatures(resizer), published=known)
    return FeatureNetwork(name, digest, resizer, variables, EfficientNetLite0Features(resizer))
