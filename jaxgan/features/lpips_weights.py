"""LPIPS's weights: trunks from torchvision's state dicts, heads from the authors' PyPI package."""

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxgan.features.efficientnet_lite_weights import require_tensors
from jaxgan.features.lpips import LPIPS, TRUNKS

TORCHVISION = {"vgg": "vgg16", "alex": "alexnet", "squeeze": "squeezenet1_1"}


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
    params: dict[str, Any] = {"features": _trunk_params(trunk, shapes["features"], trunk_state)}
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


def _trunk_params(trunk: str, shapes: Mapping[str, Any], state: Mapping[str, np.ndarray]) -> dict[str, Any]:
    flat = jax.tree_util.tree_leaves_with_path(shapes)
    paths: dict[str, tuple[str, ...]] = {}
    expected: dict[str, tuple[int, ...]] = {}
    for keys, leaf in flat:
        path = tuple(key.key for key in keys)
        kernel = path[-1] == "kernel"
        name = ".".join((*path[:-1], "weight" if kernel else "bias")).replace("features_", "features.")
        paths[name] = path
        expected[name] = tuple(leaf.shape[i] for i in (3, 2, 0, 1)) if kernel else leaf.shape
    require_tensors(
        {name: tensor for name, tensor in state.items() if not name.startswith("classifier.")},
        expected,
        of=f"the LPIPS trunk {trunk!r}",
        hint=f"pass torchvision's {TORCHVISION[trunk]}",
    )
    params: dict[str, Any] = {}
    for name, path in paths.items():
        tensor = np.asarray(state[name], np.float32)
        level = params
        for module in path[:-1]:
            level = level.setdefault(module, {})
        level[path[-1]] = tensor.transpose(2, 3, 1, 0) if path[-1] == "kernel" else tensor
    return params


def _check_trunk(trunk: str) -> None:
    if trunk not in TRUNKS:
        raise ValueError(f"unknown LPIPS trunk {trunk!r}; choose from {list(TRUNKS)}")
