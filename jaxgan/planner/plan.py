"""Puts a plan together: what one program would do on one topology, as a record that tables and pages are made of."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from jaxgan.planner import flops as analytic
from jaxgan.planner.arguments import Argument, match
from jaxgan.planner.compile import Compiled
from jaxgan.planner.groups import device_groups
from jaxgan.planner.hardware import Hardware
from jaxgan.planner.hlo import Cost, Program, analyse
from jaxgan.planner.live import live_at_peak
from jaxgan.planner.memory import ACTIVATIONS, TEMPORARIES, argument_bytes, in_order, laid_out_argument_bytes
from jaxgan.planner.names import cause_of, kind_of, layer_of, pass_of
from jaxgan.planner.replicated import redundant, replicated_share, varying_costs
from jaxgan.planner.roofline import Exchange, Roofline, cost, mfu, roofline


class Work(NamedTuple):
    """What is planned.

    Attributes:
      topology: its name.
      chip: of one chip.
      chips: how many.
      mesh: axis -> size.
      batch: images of one play.
      images_per_step: real images that a step takes.
      steps: of the whole run.
      price: of a chip for an hour; None where not known.
    """

    topology: str
    chip: Hardware
    chips: int
    mesh: Mapping[str, int]
    batch: int
    images_per_step: int
    steps: int
    price: float | None

    @property
    def devices(self) -> int:
        """JAX devices."""
        return self.chips * self.chip.devices_per_chip


# What ``--json`` promises, in this order; further keys follow.
KEYS = (
    "topology",
    "devices",
    "batch",
    "fits",
    "peak_hbm_bytes",
    "flops_per_device",
    "bytes_per_device",
    "collectives",
    "step_seconds",
    "images_per_second",
    "mfu",
    "bound_by",
)


def plan_compiled(
    work: Work, compiled: Compiled, arguments: Sequence[Argument], products: Sequence[analytic.Product]
) -> dict[str, Any]:
    """The record of a compiled program; where it does not fit, of what is known without one.

    Args:
      work: what is planned.
      compiled: the compiler's result.
      arguments: of the program.
      products: its convolutions and products, from the trace.
    """
    chip = work.chip.per_device()
    if not compiled.fits:
        return does_not_fit(work, compiled, arguments, products)
    program = analyse(compiled.text)
    costs = varying_costs(program, [argument.axes for argument in match(program.module, arguments)], work.mesh)
    exchanges = list_exchanges(program, work.devices)
    bound = roofline(
        chip,
        flops=program.flops_by_type(),
        hbm_bytes=program.total("hbm_bytes"),
        exchanges=[exchange for _, exchange in exchanges],
        devices=work.devices,
    )
    record = outcome(
        work,
        bound,
        fits=True,
        peak=compiled.peak_bytes,
        flops=program.total("flops"),
        moved=program.total("hbm_bytes"),
        collectives=collectives_table(exchanges),
        products=products,
    )
    seconds = kernel_seconds(chip)
    record |= {
        "method": "compiled",
        "hbm_bytes": memory_table(program, compiled, arguments),
        "compiler": {
            "flops_loops_once": compiled.flops,
            "bytes_loops_once": compiled.bytes,
            "argument_bytes": compiled.argument_bytes,
            "temporary_bytes": compiled.temporary_bytes,
            "compile_seconds": compiled.seconds,
            "reused": compiled.reused,
        },
        "loops": dict(program.loops),
        "conditionals": list(program.conditionals),
        "bytes_by_kind": program.grouped("hbm_bytes", lambda c: kind_of(c.op_name)),
        "bytes_by_pass": program.grouped("hbm_bytes", lambda c: pass_of(c.op_name)),
        "bytes_by_layer": first(program.grouped("hbm_bytes", lambda c: layer_of(c.op_name)), 40),
        "compiled_flops_by_kind": program.grouped("flops", lambda c: kind_of(c.op_name)),
        "replicated": {
            "flops": replicated_share(costs, work.mesh, lambda c: c.flops + c.vector_flops),
            "bytes": replicated_share(costs, work.mesh, lambda c: c.hbm_bytes),
            "seconds": replicated_share(costs, work.mesh, seconds),
            "seconds_by_kind": replicated_by_kind(costs, work.mesh, seconds),
        },
        "kernels_seconds": sum(seconds(c) * c.times for c in program.costs) + bound.network,
    }
    if chip.clock_hz and program.total("cycles"):
        record["compiler"]["estimated_seconds"] = program.total("cycles") / chip.clock_hz
    return record


def does_not_fit(
    work: Work, compiled: Compiled, arguments: Sequence[Argument], products: Sequence[analytic.Product]
) -> dict[str, Any]:
    """The record of a program that the compiler could not place: arithmetic from the trace, traffic unknown."""
    chip = work.chip.per_device()
    per_device = {dtype: count / work.devices for dtype, count in analytic.by_type(list(products)).items()}
    bound = roofline(chip, flops=per_device, hbm_bytes=0, devices=work.devices)
    record = outcome(
        work,
        bound,
        fits=False,
        peak=compiled.peak_bytes,
        flops=sum(per_device.values()),
        moved=0,
        collectives={},
        products=products,
    )
    held = argument_bytes(arguments)
    rest = max(compiled.peak_bytes - sum(held.values()), 0)
    return record | {
        "method": "compiled",
        "note": "the compiler stopped for lack of memory: bytes and collectives are unknown, times are of arithmetic",
        "hbm_limit_bytes": compiled.limit_bytes,
        "hbm_bytes": in_order({**held, "activations and temporaries": rest}),
    }


def outcome(
    work: Work,
    bound: Roofline,
    *,
    fits: bool,
    peak: int,
    flops: float,
    moved: float,
    collectives: Mapping[str, Mapping[str, int]],
    products: Sequence[analytic.Product],
) -> dict[str, Any]:
    """What every plan says, first the keys of ``KEYS``."""
    found = list(products)
    needed = analytic.total(found, recomputed=False)
    return {
        "topology": work.topology,
        "devices": work.devices,
        "batch": work.batch,
        "fits": fits,
        "peak_hbm_bytes": peak,
        "flops_per_device": flops,
        "bytes_per_device": moved,
        "collectives": dict(collectives),
        "step_seconds": bound.step,
        "images_per_second": work.images_per_step / bound.step,
        "mfu": mfu(needed, bound.step, work.chip.per_device(), work.devices),
        "bound_by": bound.bound_by,
        "chips": work.chips,
        "mesh": dict(work.mesh),
        "images_per_step": work.images_per_step,
        "steps": work.steps,
        "roofline_seconds": {"compute": bound.compute, "memory": bound.memory, "network": bound.network},
        "model_flops_per_step": needed,
        "recomputed_flops_per_step": analytic.total(found) - needed,
        "flops_by_layer": analytic.by_layer(found),
        "run": cost(work.steps, bound.step, work.chips, work.price),
        "hbm_per_device": work.chip.per_device().hbm_bytes,
        "hardware_source": work.chip.source,
    }


def list_exchanges(program: Program, devices: int) -> list[tuple[str, Exchange]]:
    """(name, exchange) of every collective: the name is its kind and cause, such as 'all-reduce/gradients'."""
    found = []
    for c in program.costs:
        for collective in c.collectives:
            group = device_groups(collective.groups, devices).shape[1]
            name = f"{collective.kind}/{cause_of(collective.kind, collective.op_name)}"
            found.append((name, Exchange(collective.kind, collective.bytes, group, c.times)))
    return found


def collectives_table(exchanges: Sequence[tuple[str, Exchange]]) -> dict[str, dict[str, int]]:
    """Name -> how many a step, and bytes of a device a step; the largest first."""
    table: dict[str, dict[str, int]] = {}
    for name, exchange in exchanges:
        row = table.setdefault(name, {"count": 0, "bytes": 0})
        row["count"] += exchange.times
        row["bytes"] += int(exchange.bytes) * exchange.times
    return dict(sorted(table.items(), key=lambda item: -item[1]["bytes"]))


def memory_table(program: Program, compiled: Compiled, arguments: Sequence[Argument]) -> dict[str, int]:
    """Bytes at the peak, by kind: the state as it is laid out; what the compiler's peak holds beside it is split as the
    schedule's own peak is, between what the backward pass waits for and the rest.
    """
    held = laid_out_argument_bytes(program.module, arguments)
    rest = max(compiled.peak_bytes - sum(held.values()), 0)
    kept, passing = live_at_peak(program.module)
    activations = round(rest * kept / (kept + passing)) if kept + passing else 0
    return in_order({**held, ACTIVATIONS: activations, TEMPORARIES: rest - activations})


def kernel_seconds(chip: Hardware) -> Callable[[Cost], float]:
    """Seconds of one instruction if nothing overlaps it: the larger of its arithmetic and its traffic."""

    def seconds(c: Cost) -> float:
        compute = sum(n / chip.peak_flops.get(dtype, chip.peak_flops["f32"]) for dtype, n in c.flops_by_type)
        return max(compute, c.hbm_bytes / chip.hbm_bandwidth)

    return seconds


def replicated_by_kind(
    costs: Sequence[tuple[Cost, frozenset[str]]], mesh: Mapping[str, int], weight: Callable[[Cost], float]
) -> dict[str, float]:
    """Redundant work by kind, as a share of all work; largest first."""
    every = sum(weight(c) * c.times for c, _ in costs)
    shares: dict[str, float] = {}
    for c, axes in costs:
        kind = kind_of(c.op_name)
        shares[kind] = shares.get(kind, 0.0) + weight(c) * c.times * redundant(axes, mesh)
    return {k: v / every for k, v in sorted(shares.items(), key=lambda item: -item[1]) if v > 0} if every else {}


def first(table: Mapping[str, int], count: int) -> dict[str, int]:
    """The first entries of a table, the rest in one."""
    items = list(table.items())
    rest = sum(value for _, value in items[count:])
    return dict(items[:count]) | ({"(others)": rest} if rest else {})
