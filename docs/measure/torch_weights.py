"""Copies a network's variables into its twin in PyTorch (:mod:`torch_biggan`)."""

from typing import Any

import jax
import numpy as np
import torch

_NAMES = {"kernel": "weight", "embedding": "weight"}


def _flat(variables: dict[str, Any]) -> dict[str, np.ndarray]:
    """Every array but the running statistics' own level, by its dotted name in torch."""
    flat = {}
    for collection in variables.values():
        for path, value in jax.tree.leaves_with_path(collection):
            *scopes, name = (str(key.key) for key in path)
            flat[".".join([*scopes, _NAMES.get(name, name)])] = np.asarray(value)
    return flat


def copy_weights(variables: dict[str, Any], module: torch.nn.Module) -> None:
    """Fills ``module`` from ``variables`` (params, spectral, batch_stats).

    Kernels [H, W, I, O] become [O, I, H, W], and [I, O] become [O, I]; G's seed, which is cut as [H, W, C] here and
    as [C, H, W] in torch, is reordered, bias and power-iteration vector too.

    Raises:
      ValueError: where a name or a shape has no counterpart.
    """
    source = _flat(variables)
    target = module.state_dict()
    base = getattr(module, "base", None)
    for name in target:
        # A plain norm keeps its statistics one level deeper in torch.
        key = name if name in source else name.replace("norm.norm.", "norm.")
        if key not in source:
            raise ValueError(f"{name} has no counterpart; there are {', '.join(sorted(source))}")
        value = source.pop(key)
        if name.endswith("weight") and value.ndim == 4:
            value = value.transpose(3, 2, 0, 1)
        elif name.endswith("weight") and "embed" not in name and "shared" not in name:
            value = value.T
        if name.startswith("seed.") and base is not None:
            channels, height, width = base
            value = value.reshape(height, width, channels, *value.shape[1:])
            value = np.moveaxis(value, 2, 0).reshape(-1, *value.shape[3:])
        if value.shape != tuple(target[name].shape):
            raise ValueError(f"{name} has shape {tuple(target[name].shape)} in torch, and {value.shape} here")
        target[name] = torch.from_numpy(np.array(value))
    if source:
        raise ValueError(f"no place in torch for {', '.join(sorted(source))}")
    module.load_state_dict(target)
