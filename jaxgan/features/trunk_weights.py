"""Weights of trunks from torchvision's state dicts."""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from jaxgan.features.efficientnet_lite_weights import require_tensors
from jaxgan.features.trunk import Trunk


def trunk_variables(network: str, looked_at: tuple[int, ...], state: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Variables of :class:`jaxgan.features.trunk.Trunk`.

    Args:
      network: one of :data:`jaxgan.features.trunk.TRUNKS`.
      looked_at: the layers; those after the last are passed over.
      state: torchvision's network trained on ImageNet: features.N.weight [out, in, h, w] and features.N.bias [out].

    Returns:
      ``{'params': ...}`` float32.

    Raises:
      ValueError: on an unknown network; naming tensors that are missing, misshapen or not finite.
    """
    image = jax.ShapeDtypeStruct((1, 64, 64, 3), np.float32)
    shapes = jax.eval_shape(Trunk(network, looked_at).init, jax.random.key(0), image)["params"]
    wanted = {name.replace("features_", "features.") for name in shapes}
    kept = {name: tensor for name, tensor in state.items() if name.rpartition(".")[0] in wanted}
    return {"params": trunk_params(network, shapes, kept)}


def trunk_params(network: str, shapes: Mapping[str, Any], state: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """The parameters of a trunk whose shapes are given; ``classifier.*`` of the state is passed over.

    Raises:
      ValueError: naming tensors that are missing, unexpected, misshapen or not finite.
    """
    paths: dict[str, tuple[str, ...]] = {}
    expected: dict[str, tuple[int, ...]] = {}
    for keys, leaf in jax.tree_util.tree_leaves_with_path(shapes):
        path = tuple(key.key for key in keys)
        kernel = path[-1] == "kernel"
        name = ".".join((*path[:-1], "weight" if kernel else "bias")).replace("features_", "features.")
        paths[name] = path
        expected[name] = tuple(leaf.shape[i] for i in (3, 2, 0, 1)) if kernel else leaf.shape
    require_tensors(
        {name: tensor for name, tensor in state.items() if not name.startswith("classifier.")},
        expected,
        of=f"the trunk {network}",
        hint=f"pass torchvision's {network}",
    )
    params: dict[str, Any] = {}
    for name, path in paths.items():
        tensor = np.asarray(state[name], np.float32)
        level = params
        for module in path[:-1]:
            level = level.setdefault(module, {})
        level[path[-1]] = tensor.transpose(2, 3, 1, 0) if path[-1] == "kernel" else tensor
    return params
