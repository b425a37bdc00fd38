"""Roofline: the least time of a step, that of the slowest of arithmetic, memory and network at their peaks.

Real steps take longer: no program reaches all peaks, small kernels cost their launch, and collectives wait for the
slowest device. ``jaxgan plan --calibrate`` measures by how much, on the machine at hand.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from jaxgan.tools.planner.hardware import Hardware

HOUR_SECONDS = 3600.0


class Collective(NamedTuple):
    """A collective, as the network sees it: what is sent, among how many, how often.

    Attributes:
      kind: such as 'all-reduce'.
      bytes: of a device's whole operand or result, whichever is larger.
      group: devices that take part together.
      times: executions a step.
    """

    kind: str
    bytes: float
    group: int
    times: int


class Roofline(NamedTuple):
    """Seconds of one step, at least.

    Attributes:
      compute: products at the peak of their type.
      memory: main memory's traffic at its bandwidth.
      network: collectives at the links' bandwidth.
      step: the largest: everything overlaps.
      bound_by: 'compute', 'memory' or 'network'.
    """

    compute: float
    memory: float
    network: float
    step: float
    bound_by: str


def roofline(
    chip: Hardware,
    *,
    flops: Mapping[str, float],
    hbm_bytes: float,
    collectives: Iterable[Collective] = (),
    devices: int = 1,
) -> Roofline:
    """Bounds one step of one device.

    Args:
      chip: what a device has (``Hardware.per_device``).
      flops: by type; a type that the chip has no figure for runs at its 'f32' peak.
      hbm_bytes: read and written.
      collectives: of a device.
      devices: in all; a collective among all of them uses every link.

    Raises:
      ValueError: where there is nothing to bound.
    """
    compute = sum(count / chip.peak_flops.get(dtype, chip.peak_flops["f32"]) for dtype, count in flops.items())
    memory = hbm_bytes / chip.hbm_bandwidth
    network = sum(collective_seconds(chip, collective, devices) for collective in collectives)
    parts = {"compute": compute, "memory": memory, "network": network}
    bound_by = max(parts, key=lambda name: parts[name])
    if parts[bound_by] <= 0:
        raise ValueError("the program does nothing: no FLOPs, bytes or collectives")
    return Roofline(compute, memory, network, parts[bound_by], bound_by)


def collective_seconds(chip: Hardware, collective: Collective, devices: int) -> float:
    """Seconds that a collective needs of the links, without latency.

    An all-reduce in rings sends 2 (n - 1) / n of its operand, a gather, a scatter or an all-to-all (n - 1) / n
    (Thakur et al. 2005, Optimization of Collective Communication Operations in MPICH, section 4). Among all
    chips every link carries its part; in a smaller group those of one axis of the torus do; a shift uses one. Among
    more chips than a machine has, the same bytes pass its network cards, which are no faster than the links: rings
    share all of a machine's cards, while a shift and an all-to-all have each chip's own.
    """
    n = collective.group
    if n < 2 or not chip.link_bandwidth:
        return 0.0
    shift = collective.kind.startswith("collective-permute")
    if shift:
        sent, links = collective.bytes, 1
    else:
        sent = collective.bytes * (n - 1) / n * (2 if collective.kind == "all-reduce" else 1)
        links = chip.links if n == devices else min(2, chip.links)
    rate = links * chip.link_bandwidth
    if chip.machine_chips is not None and n > chip.machine_chips:
        cards = 1 if shift or collective.kind.startswith("all-to-all") else chip.machine_chips
        rate = min(rate, cards * chip.card_bandwidth)
    return collective.times * sent / rate


def mfu(model_flops: float, step_seconds: float, chip: Hardware, devices: int, dtype: str = "bf16") -> float:
    """Model FLOPs utilisation (Chowdhery et al. 2022, arXiv:2204.02311, appendix B): FLOPs that the model's definition
    needs a step, over what the devices could do in that time.

    Args:
      model_flops: of the whole step, recomputation not counted.
      step_seconds: of a step.
      chip: what a device has.
      devices: in all.
      dtype: whose peak counts.
    """
    return model_flops / (step_seconds * chip.peak_flops.get(dtype, chip.peak_flops["f32"]) * devices)


def summed_cost(costs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Hours, chip-hours and price of what runs one after another, each as :func:`cost` gives it."""
    return {name: sum(one[name] for one in costs) for name in costs[0]}


def cost(steps: int, step_seconds: float, chips: int, price_per_chip_hour: float | None = None) -> dict[str, float]:
    """Hours, chip-hours, and the price of them where one is given."""
    hours = steps * step_seconds / HOUR_SECONDS
    record = {"hours": hours, "chip_hours": hours * chips}
    if price_per_chip_hour is not None and math.isfinite(price_per_chip_hour):
        record["price"] = record["chip_hours"] * price_per_chip_hour
    return record
