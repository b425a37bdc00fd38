"""Eight simulated devices for every test, and where real data may lie."""

import os

# Before jax is imported anywhere. With two cores, eight simulated devices deadlock unless the thread pool is larger
# than they are.
os.environ["XLA_FLAGS"] = (
    os.environ.get("XLA_FLAGS", "")
    + " --xla_force_host_platform_device_count=8"
    # Tests compile more than they compute.
    + " --xla_backend_optimization_level=0"
)
os.environ["NPROC"] = "16"
os.environ["JAX_PLATFORMS"] = "cpu"

import zlib
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def tfds_dir() -> Path:
    """A folder of prepared tensorflow-datasets beside the clone; tests that need one skip where it is absent."""
    path = ROOT.parent / "shared" / "tfds"
    if not path.is_dir():
        pytest.skip(f"no prepared data sets at {path}")
    return path


@pytest.fixture(scope="session")
def inception_reference() -> dict:
    """Activations of torch-fidelity's and pytorch-fid's Inception with random weights; skips where absent."""
    path = ROOT.parent / "shared" / "fixtures" / "inception_random_ref.npz"
    if not path.is_file():
        pytest.skip(f"no reference activations at {path}")
    with np.load(path) as file:
        return dict(file)


def _random_tensor(name: str, shape: tuple[int, ...]) -> np.ndarray:
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
    return np.float32(value)


@pytest.fixture(scope="session")
def inception_state() -> dict:
    """The random weights of those activations, made from the tensors' names alone."""
    from jaxgan.interop.inception import convolution_shapes

    shapes: dict[str, tuple[int, ...]] = {"fc.weight": (1008, 2048), "fc.bias": (1008,)}
    for path, (height, width, inputs, outputs) in convolution_shapes().items():
        name = ".".join(path[:-2])
        shapes[f"{name}.conv.weight"] = (outputs, inputs, height, width)
        shapes |= {f"{name}.bn.{part}": (outputs,) for part in ("weight", "bias", "running_mean", "running_var")}
    return {name: _random_tensor(name, shape) for name, shape in shapes.items()}
