import jax
import pytest
from jax.sharding import AxisType

from jaxgan.parallel import AXES, make_mesh, platform


@pytest.mark.parametrize(
    ("sizes", "shape"),
    [
        ({}, (8, 1, 1)),
        ({"fsdp": 4}, (2, 4, 1)),
        ({"data": 1, "fsdp": 8}, (1, 8, 1)),
        ({"fsdp": 2, "spatial": 2}, (2, 2, 2)),
    ],
)
def test_lays_all_devices_out_in_order_with_auto_axes(sizes, shape):
    mesh = make_mesh(**sizes)
    assert mesh.axis_names == AXES == ("data", "fsdp", "spatial")
    assert mesh.devices.shape == shape
    assert list(mesh.devices.flat) == jax.devices()
    assert set(mesh.axis_types) == {AxisType.Auto}


def test_some_devices_only():
    assert make_mesh(devices=jax.devices()[2:6], fsdp=2).devices.shape == (2, 2, 1)


@pytest.mark.parametrize("sizes", [{"data": 3}, {"fsdp": 3}, {"data": 4, "fsdp": 4}, {"fsdp": 16}, {"spatial": 3}])
def test_sizes_that_do_not_cover_the_devices_raise(sizes):
    with pytest.raises(ValueError, match="does not cover the 8 devices"):
        make_mesh(**sizes)


@pytest.mark.parametrize("sizes", [{"data": 0}, {"data": -2}, {"fsdp": 0}, {"fsdp": -1}, {"spatial": 0}])
def test_sizes_that_are_not_positive_raise(sizes):
    with pytest.raises(ValueError, match="positive"):
        make_mesh(**sizes)


class Device:
    """As far as a mesh's layout looks at one."""

    def __init__(self, process_index):
        self.process_index = process_index


def test_the_rows_of_an_image_stay_in_one_process():
    devices = [Device(process) for process in (0, 0, 1, 1)]
    with pytest.raises(ValueError, match=r"spatial=4 would split images over processes \[0, 1\]"):
        make_mesh(spatial=4, devices=devices)


def test_the_platform_is_the_meshs_where_one_is_set():
    assert platform() == jax.default_backend() == "cpu"
    with jax.set_mesh(make_mesh()):
        assert platform() == "cpu"
    with jax.sharding.use_abstract_mesh(abstract_tpu_mesh()):
        assert platform() == "tpu"


def abstract_tpu_mesh():
    device = jax.sharding.AbstractDevice(device_kind="TPU v5 lite", num_cores=1, platform="tpu")
    return jax.sharding.AbstractMesh((1, 1, 1), AXES, (AxisType.Auto,) * 3, abstract_device=device)
