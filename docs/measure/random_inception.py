"""Random weights for the FID Inception: implementations can be compared with them where the published file is not
at hand.
"""

import zlib
from pathlib import Path

import numpy as np

from jaxgan.features.inception_weights import convolution_shapes

CLASSES, WIDTH = 1008, 2048


def random_tensor(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """A float32 tensor made from its name in the state dict alone, so that anyone can make it again."""
    draw = np.random.default_rng(zlib.crc32(name.encode()))
    if name.endswith("conv.weight"):
        value = draw.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))
    elif name.endswith("bn.weight"):
        value = draw.uniform(0.8, 1.2, shape)
    elif name.endswith("running_var"):
        value = draw.uniform(0.5, 1.5, shape)
    elif name.endswith(("bn.bias", "running_mean")):
        value = draw.standard_normal(shape) * 0.1
    else:
        value = draw.standard_normal(shape) * 0.02
    return np.asarray(value, np.float32)


def random_state() -> dict[str, np.ndarray]:
    """The state dict that torch-fidelity's and pytorch-fid's network load: name -> float32 tensor, OIHW."""
    shapes: dict[str, tuple[int, ...]] = {"fc.weight": (CLASSES, WIDTH), "fc.bias": (CLASSES,)}
    for path, (height, width, inputs, outputs) in convolution_shapes().items():
        name = ".".join(path[:-2])
        shapes[f"{name}.conv.weight"] = (outputs, inputs, height, width)
        shapes |= {f"{name}.bn.{part}": (outputs,) for part in ("weight", "bias", "running_mean", "running_var")}
    return {name: random_tensor(name, shape) for name, shape in shapes.items()}


def save_random(path: Path) -> Path:
    """Writes :func:`random_state` as a .pth, and returns where. Needs torch."""
    import torch

    torch.save({name: torch.from_numpy(value) for name, value in random_state().items()}, path)
    return path
