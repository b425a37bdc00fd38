import jax
import numpy as np
import pytest
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from jaxgan.parallel import host_to_global, initialize, is_of_peer, make_mesh, split_over_fsdp, to_host


def test_host_arrays_are_split_over_the_mesh_and_come_back():
    mesh = make_mesh(data=4, fsdp=2)
    batch = {"image": np.arange(16 * 6, dtype=np.uint8).reshape(16, 2, 3), "label": np.arange(16)}
    placed = host_to_global(batch, mesh)
    for device, shard in zip(jax.devices(), placed["image"].addressable_shards):
        assert shard.device == device
        np.testing.assert_array_equal(shard.data, batch["image"][2 * device.id : 2 * device.id + 2])
    jax.tree.map(np.testing.assert_array_equal, to_host(placed), batch)


def test_stacked_batches_keep_their_leading_axis_whole():
    mesh = make_mesh(data=4, fsdp=2)
    batch = np.arange(3 * 8).reshape(3, 8)
    placed = host_to_global(batch, mesh, stacked=True)
    assert {shard.data.shape for shard in placed.addressable_shards} == {(3, 1)}
    np.testing.assert_array_equal(to_host(placed), batch)


def test_to_host_joins_shards_of_a_parameter():
    mesh = make_mesh(data=2, fsdp=4)
    x = np.random.default_rng(0).normal(size=(32, 64)).astype(np.float32)
    placed = jax.device_put(x, NamedSharding(mesh, split_over_fsdp(x.shape, mesh)))
    assert placed.sharding.spec == P("fsdp")
    back = to_host({"kernel": placed})["kernel"]
    assert isinstance(back, np.ndarray)
    np.testing.assert_array_equal(back, x)


@pytest.mark.parametrize(
    "arguments", [{"num_processes": 2}, {"process_id": 0}, {"coordinator": "host:1", "num_processes": 2}]
)
def test_half_a_description_of_the_processes_raises(arguments):
    with pytest.raises(ValueError, match="process_id"):
        initialize(**arguments)


def led_to(error, cause):
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (jax.errors.JaxRuntimeError("INTERNAL: an exchange failed"), True),
        # As a library on the way handed one on.
        (ValueError("UNKNOWN: Gloo AllGather failed: Read error [127.0.0.1]:26311: Connection reset by peer"), True),
        (RuntimeError("UNAVAILABLE: Heartbeat of task 1"), True),
        (led_to(OSError("cannot save"), ValueError("the coordination service is gone")), True),
        (jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 9 bytes"), False),
        (led_to(ValueError("UNKNOWN: x"), jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: y")), False),
        (ValueError("config.seed=-1: give a whole number"), False),
        (OSError(5, "Input/output error"), False),
    ],
)
def test_errors_that_tell_of_a_lost_peer(error, expected):
    assert is_of_peer(error) == expected
