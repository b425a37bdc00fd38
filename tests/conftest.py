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

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def tfds_dir() -> Path:
    """A folder of prepared tensorflow-datasets next to the clone; tests that need one skip where it is absent."""
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


@pytest.fixture(scope="session")
def assert_same_end() -> Callable[[Path, Path, int], None]:
    """Asserts that two runs of one config ended at a step with the same training state, bit for bit."""
    import jax

    from jaxgan.cli.run import open_run
    from jaxgan.training.checkpoint import Checkpoints

    def state_of(workdir: Path):
        experiment = open_run(workdir).experiment
        zeros = jax.tree.map(lambda x: jax.device_put(np.zeros(x.shape, x.dtype)), experiment.shapes())
        frozen = {} if experiment.frozen is None else jax.device_put(experiment.frozen())
        checkpoints = Checkpoints(workdir)
        state, _ = checkpoints.restore(zeros.replace(frozen=frozen))
        checkpoints.close()
        return state

    def check(one: Path, other: Path, step: int) -> None:
        ends = state_of(one), state_of(other)
        assert [int(end.step) for end in ends] == [step, step]
        for (path, a), b in zip(jax.tree_util.tree_leaves_with_path(ends[0]), jax.tree.leaves(ends[1])):
            np.testing.assert_array_equal(np.asarray(a), np.asarray(b), err_msg=jax.tree_util.keystr(path))

    return check
