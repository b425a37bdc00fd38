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

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def tfds_dir() -> Path:
    """A folder of prepared tensorflow-datasets beside the clone; tests that need one skip where it is absent."""
    path = ROOT.parent / "shared" / "tfds"
    if not path.is_dir():
        pytest.skip(f"no prepared data sets at {path}")
    return path
