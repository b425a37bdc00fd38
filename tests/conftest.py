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
# Verbs that tests run in this process leave nothing in the home folder, and the compiler is what is tested.
os.environ.setdefault("JAX_ENABLE_COMPILATION_CACHE", "false")

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


class _Reference(dict):
    """Activations; those of larger images are not kept in the repository, and tests of them skip."""

    def __missing__(self, key: str):
        if key in ("in_299", "in_320x400"):
            pytest.skip(f"no {key}: only the activations of small images are kept here")
        raise KeyError(key)


@pytest.fixture(scope="session")
def inception_reference() -> dict:
    """Activations of torch-fidelity 0.4.0 (`tf_*`) and pytorch-fid 0.3.0 (`pf_*`) with the weights of
    ``inception_state``, for uint8 images [2, 3, H, W] of 32x32 and 48x64; where they lie beside the clone, of larger
    ones too.
    """
    found = _Reference()
    for path in (
        ROOT / "tests" / "inception_reference.npz",
        ROOT.parent / "shared" / "fixtures" / "inception_random_ref.npz",
    ):
        if path.is_file():
            with np.load(path) as file:
                found |= file
    return found


@pytest.fixture(scope="session")
def inception_state() -> dict:
    """The random weights of those activations, made from the tensors' names alone."""
    from random_inception import random_state

    return random_state()
