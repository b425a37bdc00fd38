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


@pytest.fixture(scope="session")
def inception_state() -> dict:
    """The random weights of those activations, made from the tensors' names alone."""
    from jaxgan.benchmarks.random_inception import random_state

    return random_state()
