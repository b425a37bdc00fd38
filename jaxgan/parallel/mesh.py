"""Device mesh: the named axes data, fsdp and spatial that every program runs over."""

from collections.abc import Sequence

import jax
import numpy as np
from jax.sharding import AxisType, Mesh

AXES = ("data", "fsdp", "spatial")


def make_mesh(*, data: int = -1, fsdp: int = 1, spatial: int = 1, devices: Sequence[jax.Device] | None = None) -> Mesh:
    """Lays the devices out as a (data, fsdp, spatial) grid with Auto axes.

    Batches are split over ``data`` and ``fsdp``, the height of images over ``spatial``; parameters, optimisers and
    averages over what the rules say. Devices keep their order, so that each process holds one contiguous block of the
    batch.

    Args:
      data: devices along ``data``; -1 takes all that the others leave.
      fsdp: devices along ``fsdp``.
      spatial: devices that share the rows of one image; a process must hold all of them.
      devices: the devices to use; all of them, over all processes, where None.

    Raises:
      ValueError: where the sizes do not multiply to the number of devices, or ``spatial`` crosses processes.
    """
    devices = list(jax.devices() if devices is None else devices)
    if fsdp < 1 or spatial < 1 or data == 0 or data < -1:
        raise ValueError(
            f"mesh sizes must be positive (data may be -1: all that is left), got data={data}, fsdp={fsdp}, "
            f"spatial={spatial}"
        )
    if data == -1:
        data = len(devices) // (fsdp * spatial)
    if data * fsdp * spatial != len(devices):
        raise ValueError(
            f"parallel.data={data} x parallel.fsdp={fsdp} x parallel.spatial={spatial} does not cover the "
            f"{len(devices)} devices present; choose sizes whose product is {len(devices)}, or data=-1"
        )
    for first in range(0, len(devices), spatial):
        processes = {device.process_index for device in devices[first : first + spatial]}
        if len(processes) > 1:
            raise ValueError(
                f"parallel.spatial={spatial} would split images over processes {sorted(processes)}; choose a size that "
                "divides the devices of one process"
            )
    grid = np.asarray(devices).reshape(data, fsdp, spatial)
    return Mesh(grid, AXES, axis_types=(AxisType.Auto,) * len(AXES))


def platform() -> str:
    """'cpu', 'gpu' or 'tpu': of the mesh that the code being traced is for, else of the default backend.

    They differ where a program is compiled for machines that are not here.
    """
    device = getattr(jax.sharding.get_abstract_mesh(), "abstract_device", None)
    name = getattr(device, "platform", None) or jax.default_backend()
    return {"cuda": "gpu", "rocm": "gpu"}.get(name, name)
