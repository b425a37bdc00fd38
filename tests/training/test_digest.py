import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from jaxgan.parallel import make_mesh
from jaxgan.training.digest import digest

VALUES = np.random.default_rng(0).integers(0, 256, 12, np.uint8)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16, jnp.int32, jnp.uint8])
def test_any_flipped_bit_changes_it(dtype):
    itemsize = jnp.dtype(dtype).itemsize
    original = VALUES.astype(dtype).reshape(3, 4)
    raw = np.frombuffer(original.tobytes(), np.uint8)
    reference = digest({"x": original})["x"]
    for bit in range(8 * len(raw)):
        flipped = raw.copy()
        flipped[bit // 8] ^= 1 << bit % 8
        changed = np.frombuffer(flipped.tobytes(), dtype).reshape(3, 4)
        first, second = digest({"x": changed})["x"]
        # Each of the two sums notices by itself.
        assert first != reference[0] and second != reference[1]
    assert bit == 12 * 8 * itemsize - 1


def test_flipped_booleans_change_it():
    x = np.array([True, False, True])
    digests = {tuple(digest({"x": x ^ (np.arange(3) == i)})["x"]) for i in range(4)}
    assert len(digests) == 4


def test_swapped_values_change_it():
    x = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)
    assert digest({"x": x})["x"] != digest({"x": x.T})["x"]


def test_names_are_paths_and_zero_is_told_from_minus_zero():
    tree = {"a": {"b": jnp.zeros(1)}, "c": -jnp.zeros(1)}
    found = digest(tree)
    assert set(found) == {"a/b", "c"}
    assert found["a/b"] != found["c"]


def test_it_is_the_same_under_every_sharding():
    mesh = make_mesh(data=4, fsdp=2)
    x = np.random.default_rng(1).normal(size=(8, 16)).astype(np.float32)
    specs = [P(), P("data"), P(None, "fsdp"), P("fsdp", "data")]
    found = [digest({"x": jax.device_put(x, NamedSharding(mesh, spec))}) for spec in specs]
    assert found == [digest({"x": x})] * len(specs)


def test_an_even_number_of_flipped_signs_shows():
    values = {"x": jnp.asarray(np.random.default_rng(3).normal(size=(4, 4)), jnp.float32)}
    assert digest(values) != digest({"x": -values["x"]})
