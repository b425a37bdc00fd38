"""Names such as ``v5e:8x16`` or ``h100:8``: which chips, how many, and the devices to compile for."""

import dataclasses
import importlib.util
import math
import os
import re
from collections.abc import Mapping
from typing import Any

from jax.sharding import AbstractMesh, AxisType

from jaxgan.parallel import AXES
from jaxgan.tools.planner.hardware import HARDWARE, Hardware, hardware

# Largest slice by generation and number of axes: cloud.google.com/tpu/docs, the pages of hardware.py.
_POD_CHIPS = {"v3": 1024, "v4": 4096, "v5e": 256, "v5p": 8960, "v6e": 256}
_AXES = {"v3": 2, "v4": 3, "v5e": 2, "v5p": 3, "v6e": 2}
# What libtpu asks of the machine it runs on, which here is no TPU: no metadata server, no lock on chips, no peers.
AHEAD_OF_TIME = {
    "TPU_SKIP_MDS_QUERY": "1",
    "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",
    "TPU_WORKER_HOSTNAMES": "localhost",
    "TPU_ACCELERATOR_TYPE": "v5litepod-4",
}


@dataclasses.dataclass(frozen=True)
class Topology:
    """Chips of one kind.

    Attributes:
      name: as given.
      chip: the hardware table's row.
      chips: how many.
      shape: chips along each axis of the network; (chips,) for GPUs.
    """

    name: str
    chip: Hardware
    chips: int
    shape: tuple[int, ...]

    @property
    def devices(self) -> int:
        """JAX devices: chips, or cores on TPU v3."""
        return self.chips * self.chip.devices_per_chip

    @property
    def compiled(self) -> bool:
        """Whether a compiler for it can run without the hardware: TPUs alone."""
        return self.chip.family == "tpu"


def parse_topology(name: str) -> Topology:
    """Reads ``<tpu>:AxB[xC]`` (chips along each axis) or ``<gpu>:N``.

    Raises:
      ValueError: on anything else, with what is accepted.
    """
    accepted = (
        "give a TPU slice by its chips along each axis, such as v5e:8x16, v6e:16x16, v3:8x8, v4:4x4x4 or v5p:4x4x8; a "
        "number of GPUs, such as h100:8; or `local`, this machine. Chips: " + ", ".join(HARDWARE)
    )
    found = re.fullmatch(r"([a-z0-9]+):(\d+(?:x\d+)*)", name.strip().lower())
    if not found or found.group(1) not in HARDWARE:
        raise ValueError(f"--topology={name}: {accepted}")
    chip = hardware(found.group(1))
    shape = tuple(int(size) for size in found.group(2).split("x"))
    if min(shape) < 1:
        raise ValueError(f"--topology={name}: sizes are at least 1")
    if chip.family == "gpu" and len(shape) != 1:
        raise ValueError(f"--topology={name}: GPUs are counted, as in {chip.name}:{math.prod(shape)}")
    if chip.family == "tpu":
        axes, most = _AXES[chip.name], _POD_CHIPS[chip.name]
        if len(shape) != axes:
            example = "x".join(["4"] * axes)
            raise ValueError(f"--topology={name}: {chip.name} has {axes} axes, as in {chip.name}:{example}")
        if math.prod(shape) > most:
            raise ValueError(f"--topology={name}: a {chip.name} pod has {most} chips, not {math.prod(shape)}")
    return Topology(name.strip().lower(), chip, math.prod(shape), shape)


def axes_of(chip: str) -> int:
    """Axes of a TPU generation's network.

    Raises:
      ValueError: where it is no TPU.
    """
    if chip not in _AXES:
        raise ValueError(f"{chip!r} is no TPU generation; there are {', '.join(_AXES)}")
    return _AXES[chip]


def mesh_sizes(parallel: Mapping[str, Any], devices: int) -> dict[str, int]:
    """Axis -> size of ``jaxgan.parallel.make_mesh`` over a number of devices that are not there.

    Args:
      parallel: sizes by axis; ``data`` may be -1, all that the others leave.
      devices: in all.

    Raises:
      ValueError: where the sizes do not multiply to ``devices``.
    """
    sizes = {axis: int(parallel.get(axis, 1)) for axis in AXES}
    rest = math.prod(size for axis, size in sizes.items() if axis != "data")
    if sizes["data"] == -1:
        sizes["data"] = devices // rest
    if math.prod(sizes.values()) != devices:
        raise ValueError(f"config.parallel's sizes {sizes} do not multiply to the {devices} devices of the topology")
    return sizes


def abstract_mesh(sizes: Mapping[str, int]) -> AbstractMesh:
    """A mesh without devices, for shardings of shapes."""
    return AbstractMesh(tuple(sizes.values()), tuple(sizes), axis_types=(AxisType.Auto,) * len(sizes))


def prepare_environment() -> None:
    """Sets what ahead-of-time compilation needs; call it before JAX starts. Variables that are set already stay."""
    for key, value in AHEAD_OF_TIME.items():
        os.environ.setdefault(key, value)


def topology_devices(topology: Topology) -> list[Any]:
    """The devices of a TPU topology that is not there, to compile for.

    Raises:
      ValueError: without libtpu, with how to install it; or where libtpu refuses the shape.
    """
    if importlib.util.find_spec("libtpu") is None:
        raise ValueError(
            f"--topology={topology.name} is compiled with libtpu, which is not installed (no TPU is needed): "
            "pip install jaxgan[tpu], or pip install libtpu"
        )
    from jax.experimental import topologies

    try:
        # A v4 chip's two cores are one device, as on Cloud TPU.
        options = {"chip_config_name": "megacore"} if topology.chip.name == "v4" else {}
        found = topologies.get_topology_desc(platform="tpu", topology_name=topology.name, **options)
    except Exception as error:
        raise ValueError(
            f"--topology={topology.name}: libtpu refuses it: {str(error).strip().splitlines()[0]}. Slices that exist "
            "are listed in cloud.google.com/tpu/docs; v5e:2x2, v5e:8x16, v6e:8x16, v3:8x8, v4:4x4x4 and v5p:4x4x4 work"
        ) from error
    devices = list(found.devices)
    if len(devices) != topology.devices:
        raise ValueError(
            f"--topology={topology.name}: libtpu has {len(devices)} devices for it where {topology.devices} were "
            "expected; give the chips along each axis"
        )
    return devices
