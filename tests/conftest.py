"""Eight simulated devices for every test, strict shapes, bounded memory, shards, and where real data may lie."""

import atexit
import ctypes
import gc
import os
import shutil
import tempfile

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
# A program that was compiled in this process once, for another function of the same operations, is read the next time,
# from a folder that goes with the process: nothing is left in the home folder. Processes that tests start have no cache
# unless they ask for one.
os.environ["JAX_COMPILATION_CACHE_DIR"] = tempfile.mkdtemp(prefix="jaxgan-programs-")
os.environ["JAX_ENABLE_COMPILATION_CACHE"] = "false"
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.1"
# Nothing is timed in a test.
os.environ["JAXGAN_CONVOLUTIONS"] = "xla"
# Statistics, codes and encodings of texts that a test makes are no other test's, nor of an earlier day; only
# matplotlib's list of fonts is.
os.environ.setdefault("MPLCONFIGDIR", os.path.expanduser("~/.cache/matplotlib"))
os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="jaxgan-cache-")

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import jax
import numpy as np
import pytest

for folder in ("JAX_COMPILATION_CACHE_DIR", "XDG_CACHE_HOME"):
    atexit.register(shutil.rmtree, os.environ[folder], ignore_errors=True)
ROOT = Path(__file__).resolve().parent.parent
jax.config.update("jax_enable_compilation_cache", True)
# A row is added to a matrix where it says so, by its shape.
jax.config.update("jax_numpy_rank_promotion", "raise")
# A process that is larger when a module ends, or within one when its parameters change, forgets its compiled programs.
MEMORY_BYTES, MEMORY_BYTES_WITHIN = 2**30, 3 * 2**29
BACKEND_COMPILE = "/jax/core/compile/backend_compile_duration"


def in_shard(keys: list[str], shard: str) -> list[bool]:
    """Tells which of ``keys`` are in the shard 'i/n', 1 <= i <= n: distinct ones are dealt out in sorted order, so that
    the shards are disjoint, hold everything, and keep equal keys together.
    """
    index, _, count = shard.partition("/")
    if not (index.isdigit() and count.isdigit() and 1 <= int(index) <= int(count)):
        raise pytest.UsageError(f"SHARD={shard}: give i/n with 1 <= i <= n, such as SHARD=1/4")
    chosen = set(sorted(set(keys))[int(index) - 1 :: int(count)])
    return [key in chosen for key in keys]


def shared_by(item: pytest.Item) -> str:
    """The file and the parameters of a test, or its own name where it has none."""
    path, callspec = item.nodeid.partition("::")[0], getattr(item, "callspec", None)
    return f"{path}[{callspec.id}]" if callspec else item.nodeid


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keeps the tests of the shard that the variable SHARD names, after marks are chosen. Tests of one file that have
    the same parameters, and so share what they compile, are in one shard.
    """
    shard = os.environ.get("SHARD", "")
    if not shard:
        return
    kept = in_shard([shared_by(item) for item in items], shard)
    config.hook.pytest_deselected(items=[item for item, keep in zip(items, kept) if not keep])
    items[:] = [item for item, keep in zip(items, kept) if keep]


def resident_bytes() -> int:
    """Memory of this process; of systems without /proc, more than any limit."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 2**63


@pytest.fixture(scope="module", autouse=True)
def bounded_memory() -> Iterator[None]:
    """Compiled programs, of which a process gathers gigabytes, go when a module ends and the process is large."""
    yield
    forget_programs(MEMORY_BYTES)


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """The same within a module of many parameters, between two of them."""
    if nextitem is not None and shared_by(item) != shared_by(nextitem):
        forget_programs(MEMORY_BYTES_WITHIN)


def forget_programs(limit_bytes: int) -> None:
    """Drops compiled programs where the process is larger than the limit."""
    if resident_bytes() > limit_bytes:
        jax.clear_caches()
        gc.collect()
        if hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
            libc.malloc_trim(0)


# Packages of pure functions, where nothing of flax and optax is reached: their arrays change dtype where they say so.
STRICT_DTYPES = ("augment", "latent", "metrics", "objectives", "parallel")


@pytest.fixture(autouse=True)
def strict_dtypes(request: pytest.FixtureRequest) -> Iterator[None]:
    """No implicit promotion of dtypes in the tests of ``STRICT_DTYPES``."""
    if request.path.relative_to(ROOT / "tests").parts[0] not in STRICT_DTYPES:
        yield
        return
    with jax.numpy_dtype_promotion("strict"):
        yield


@pytest.fixture(scope="session")
def compilations() -> Callable:
    """``with compilations() as programs:`` lists the seconds of each program that XLA compiles inside."""
    compiled: list[float] = []
    jax.monitoring.register_event_duration_secs_listener(
        lambda event, seconds, **_: compiled.append(seconds) if event == BACKEND_COMPILE else None
    )

    @contextmanager
    def count() -> Iterator[list[float]]:
        inside: list[float] = []
        before = len(compiled)
        yield inside
        inside.extend(compiled[before:])

    return count


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
    ``inception_state``, for uint8 images [2, 3, H, W] of 32x32 and 48x64; where they lie next to the clone, of larger
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
