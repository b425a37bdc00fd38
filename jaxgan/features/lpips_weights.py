"""LPIPS's weights: trunks from torchvision's state dicts, heads from the authors' PyPI package."""

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxgan.features.efficientnet_lite_weights import require_tensors
from jaxgan.features.lpips import LPIPS, TRUNKS
from jaxgan.features.trunk_weights import trunk_params


def lpips_variables(
    trunk: str, *, trunk_state: Mapping[str, np.ndarray], heads_state: Mapping[str, np.ndarray]
) -> dict[str, Any]:
    """Variables of :class:`jaxgan.features.lpips.LPIPS`.

    Args:
      trunk: 'vgg', 'alex' or 'squeeze'.
      trunk_state: torchvision's vgg16, alexnet or squeezenet1_1 trained on ImageNet: features.N.weight [out, in, h, w]
        and features.N.bias [out], of Fire modules features.N.{squeeze, expand1x1, expand3x3}.*; ``classifier.*`` is
        passed over.
      heads_state: linK.model.1.weight [1, C, 1, 1] for each tap K, as the file that :func:`find_lpips_heads` finds.

    Returns:
      ``{'params': ...}`` float32.

    Raises:
      ValueError: on an unknown trunk; naming tensors that are missing, unexpected, misshapen or not finite.
    """
    _check_trunk(trunk)
    image = jax.ShapeDtypeStruct((1, 64, 64, 3), np.float32)
    shapes = jax.eval_shape(LPIPS(trunk).init, jax.random.key(0), image, image)["params"]
    params: dict[str, Any] = {"features": trunk_params(TRUNKS[trunk][0], shapes["features"], trunk_state)}
    heads = {f"lin{k}.model.1.weight": f"head_{k}" for k in range(len(shapes) - 1)}
    require_tensors(
        heads_state,
        {name: (1, *shapes[head].shape, 1, 1) for name, head in heads.items()},
        of=f"LPIPS's heads for the trunk {trunk!r}",
        hint="pass the tensors of lpips/weights/v0.1/" + trunk + ".pth",
    )
    return {"params": params | {head: np.float32(heads_state[name]).reshape(-1) for name, head in heads.items()}}


def find_lpips_heads(trunk: str) -> Path:
    """The heads of version 0.1 within the installed package lpips, of which nothing is executed (it imports torch).

    Raises:
      ValueError: on an unknown trunk.
      FileNotFoundError: where the package isn't installed, or lacks the file.
    """
    _check_trunk(trunk)
    spec = importlib.util.find_spec("lpips")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    for folder in folders:
        if (path := Path(folder) / "weights" / "v0.1" / f"{trunk}.pth").is_file():
            return path
    where = f"the package at {', '.join(folders)} lacks weights/v0.1/{trunk}.pth" if folders else "no package lpips"
    raise FileNotFoundError(
        f"LPIPS's heads are not installed ({where}): pip install lpips; with --no-deps it comes without torch, which "
        "is not needed here"
    )


def _check_trunk(trunk: str) -> None:
    if trunk not in TRUNKS:
        raise ValueError(f"unknown LPIPS trunk {trunk!r}; choose from {list(TRUNKS)}")
