"""Perceptual distances by name, with their weights found and checked."""

import dataclasses
import hashlib
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxgan.features.efficientnet_lite_weights import efficientnet_lite0_variables, find_efficientnet_lite0
from jaxgan.features.lpips import LPIPS, pd_efficientnet_lite0
from jaxgan.features.lpips_weights import find_lpips_heads, lpips_variables
from jaxgan.interop.weights import PublishedWeights, find_weights, read_weights, sha256_of
from jaxgan.training.errors import UserError

# torchvision's trunks trained on ImageNet, as the lpips package takes them. SqueezeNet's is not listed: no digest of it
# could be verified.
TRUNKS = {
    "vgg": PublishedWeights(
        name="VGG16 (torchvision)",
        names=("vgg16-397923af.pth",),
        url="https://download.pytorch.org/models/vgg16-397923af.pth",
        sha256="397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
        size=553_433_881,
    ),
    "alex": PublishedWeights(
        name="AlexNet (torchvision)",
        names=("alexnet-owt-7be5be79.pth",),
        url="https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
        sha256="7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
        size=244_408_911,
    ),
}
NAMES = ("lpips_vgg", "lpips_alex", "lpips_squeeze", "pd_efficientnet_lite0")


@dataclasses.dataclass(frozen=True, eq=False)
class PerceptualDistance:
    """A distance between images, with its weights.

    Attributes:
      name: one of ``NAMES``; what is not LPIPS is never called so.
      digest: SHA-256 of the files of weights, trunk and heads.
      variables: the weights.
      apply: a pure function (variables, a, b) of images [B, H, W, 3] in [-1, 1] -> [B] float32.
    """

    name: str
    digest: str
    variables: Any
    apply: Callable[[Any, Array, Array], Array]

    def __call__(self, a: Array, b: Array) -> Array:
        """[B] float32 distances: what :func:`jaxgan.latent.perceptual_path_length` takes."""
        return self.apply(self.variables, a, b)


def _lpips(trunk: str) -> Callable[[Any, Array, Array], Array]:
    def apply(variables: Any, a: Array, b: Array) -> Array:
        return jnp.asarray(LPIPS(trunk).apply(variables, a, b))

    return apply


def open_perceptual(
    name: str,
    *,
    weights: str | PathLike[str] | None = None,
    heads: str | PathLike[str] | None = None,
    download: bool = True,
) -> PerceptualDistance:
    """Opens a perceptual distance.

    Args:
      name: 'lpips_vgg', 'lpips_alex', 'lpips_squeeze' (Zhang et al. 2018, arXiv:1801.03924; the trunk is looked for as
        Inception's weights are, the heads come from the installed package lpips), or 'pd_efficientnet_lite0', which the
        extra ``jaxgan[features]`` brings and no network access is needed for.
      weights: the trunk's file instead; for 'lpips_squeeze' it must be given.
      heads: the heads' file instead.
      download: whether to fetch a trunk that is not found.

    Raises:
      UserError: on another name, or weights that are not there or not this network's.
    """
    if name not in NAMES:
        raise UserError(f"no perceptual distance {name!r}; choose from {', '.join(NAMES)}")
    try:
        if name == "pd_efficientnet_lite0":
            path = find_efficientnet_lite0() if weights is None else Path(weights).expanduser()
            variables = efficientnet_lite0_variables(read_weights(path))
            return PerceptualDistance(name, sha256_of(path), _arrays(variables), pd_efficientnet_lite0)
        trunk = name.removeprefix("lpips_")
        if trunk in TRUNKS:
            path = find_weights(TRUNKS[trunk], weights, download=download)
        elif weights is None:
            raise UserError(f"{name} needs weights=PATH: torchvision's squeezenet1_1 trained on ImageNet (.pth)")
        else:
            path = Path(weights).expanduser()
        top = find_lpips_heads(trunk) if heads is None else Path(heads).expanduser()
        variables = lpips_variables(trunk, trunk_state=read_weights(path), heads_state=read_weights(top))
    except (FileNotFoundError, ValueError) as error:
        raise error if isinstance(error, UserError) else UserError(str(error)) from error
    digest = hashlib.sha256((sha256_of(path) + sha256_of(top)).encode()).hexdigest()
    return PerceptualDistance(name, digest, _arrays(variables), _lpips(trunk))


def _arrays(variables: Any) -> Any:
    return jax.tree.map(jnp.asarray, variables)
