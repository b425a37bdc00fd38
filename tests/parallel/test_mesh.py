import jax
import pytest
from jax.sharding import AxisType

from jaxgan.parallel import AXES, make_mesh


@pytest.mark.parametrize(
    ("sizes", "shape"), [({}, (8, 1)), ({"fsdp": 4}, (2, 4)), ({"data": 1, "fsdp": 8}, (1, 8)), ({"data": 8}, (8, 1))]
)
def test_lays_all_devices_out_in_order_with_auto_axes(sizes, shape):
    mesh = make_mesh(**sizes)
    assert mesh.axis_names == AXES == ("data", "fsdp")
    assert mesh.devices.shape == shape
    assert list(mesh.devices.flat) == jax.devices()
    assert set(mesh.axis_types) == {AxisType.Auto}


def test_some_devices_only():
    assert make_mesh(devices=jax.devices()[2:6], fsdp=2).devices.shape == (2, 2)


@pytest.mark.parametrize("sizes", [{"data": 3}, {"fsdp": 3}, {"data": 4, "fsdp": 4}, {"fsdp": 16}])
def test_sizes_that_do_not_cover_the_devices_raise(sizes):
    with pytest.raises(ValueError, match="does not cover the 8 devices"):
        make_mesh(**sizes)


@pytest.mark.parametrize("sizes", [{"data": 0}, {"data": -2}, {"fsdp": 0}, {"fsdp": -1}])
def test_sizes_that_are_not_positive_raise(sizes):
    with pytest.raises(ValueError, match="positive"):
        make_mesh(**sizes)
