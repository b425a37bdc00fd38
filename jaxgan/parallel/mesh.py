"""The named device mesh that every program runs over."""

from collections.abc import Sequence

import jax
import numpy as np
from jax.sharding import AxisType, Mesh

AXES = ("data", "fsdp")


def make_mesh(*, data: int = -1, fsdp: int = 1, devices: Sequence[jax.Device] | None = None) -> Mesh:
    """Lays the devices out as a (data, fsdp) grid with Auto axes.

    Batches are split over both axes; parameters over ``fsdp`` alone, where rules say so. Devices keep their order, so
    that each process holds one contiguous block of the batch.

    Args:
      data: devices along ``data``; -1 takes all that ``fsdp`` leaves.
      fsdp: devices along ``fsdp``.
      devices: the devices to use; all of them, over all processes, where None.

    Raises:
      ValueError: where the sizes do not multiply to the number of devices.
    """
    devices = list(jax.devices() if devices is None else devices)
    if fsdp < 1 or data == 0 or data < -1:
        raise ValueError(
            f"mesh sizes must be positive (data may be -1: all that is left), got data={data}, fsdp={fsdp}"
        )
    if data == -1:
        data = len(devices) // fsdp
    if data * fsdp != len(devices):
        raise ValueError(
            f"parallel.data={data} x parallel.fsdp={fsdp} does not cover the {len(devices)} devices present; "
            f"choose sizes whose product is {len(devices)}, or data=-1"
        )
    grid = np.asarray(devices).reshape(data, fsdp)
    return Mesh(grid, AXES, axis_types=(AxisType.Auto,) * len(AXES))
