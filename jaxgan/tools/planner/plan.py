"""Builds a plan: one program on one topology, as a record that tables and pages are made of."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from jaxgan.tools.planner import flops as analytic
from jaxgan.tools.planner.arguments import Argument, match
from jaxgan.tools.planner.compile import Compiled
from jaxgan.tools.planner.estimate import Estimate
from jaxgan.tools.planner.groups import device_groups
from jaxgan.tools.planner.hardware import Hardware
from jaxgan.tools.planner.hlo import Cost, Program, analyse
from jaxgan.tools.planner.live import live_at_peak
from jaxgan.tools.planner.memory import (
    ACTIVATIONS,
    BOTH,
    TEMPORARIES,
    argument_bytes,
    in_order,
    laid_out_argument_bytes,
)
from jaxgan.tools.planner.names import cause_of, kind_of, layer_of, pass_of
from jaxgan.tools.planner.replicated import redundant, replicated_share, varying_costs
from jaxgan.tools.planner.roofline import Collective, Roofline, cost, mfu, roofline

# What XLA leaves to programs: of a v5e's 16 GiB libtpu offers 15.75; on GPU JAX takes 75 % unless told otherwise
# (XLA_PYTHON_CLIENT_MEM_FRACTION).
USABLE = {"tpu": 15.75 / 16, "gpu": 0.75, "cpu": 1.0}


class Work(NamedTuple):
    """The work that is planned.

    Attributes:
      topology: its name.
      chip: of one chip.
      chips: how many.
      mesh: axis -> size.
      batch: images of one D update.
      images_per_step: images of one D update, as the trainer counts images a second.
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

    @property
    def usable_bytes(self) -> float:
        """Memory of a device that a program may fill."""
        return self.chip.per_device().hbm_bytes * USABLE[self.chip.family]


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
    """The record of a program that was compiled.

    Args:
      work: what is planned.
      compiled: the compiler's result.
      arguments: of the program.
      products: its convolutions and products, from the trace.
    """
    chip = work.chip.per_device()
    program = analyse(compiled.text)
    costs = varying_costs(program, [argument.axes for argument in match(program.module, arguments)], work.mesh)
    collectives = list_collectives(program, work.devices)
    flops = program.flops_by_type()
    if chip.family == "gpu":  # XLA calls libraries there, whose products are not in the program's text
        flops = {name: round(count / work.devices) for name, count in analytic.by_type(list(products)).items()}
    bound = roofline(
        chip,
        flops=flops,
        hbm_bytes=program.total("hbm_bytes"),
        collectives=[collective for _, collective in collectives],
        devices=work.devices,
    )
    record = outcome(
        work,
        bound,
        fits=True,
        peak=compiled.peak_bytes,
        flops=sum(flops.values()),
        moved=program.total("hbm_bytes"),
        collectives=collectives_table(collectives),
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
        "kernels": sum(c.times for c in program.costs),
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


def plan_analytic(
    work: Work,
    arguments: Sequence[Argument],
    *,
    products: Sequence[analytic.Product],
    of_device: Sequence[analytic.Product],
    guess: Estimate,
    collectives: Sequence[tuple[str, Collective]],
) -> dict[str, Any]:
    """The record of a program that cannot be compiled here, by the rules of :mod:`jaxgan.tools.planner.estimate`.

    Args:
      work: what is planned.
      arguments: the state's, split over the whole mesh.
      products: of the program over the whole batch.
      of_device: of the program over one device's part of the batch.
      guess: the same program's traffic and memory.
      collectives: by name, those of weights and their gradients.
    """
    per_device = analytic.by_type(list(of_device))
    bound = roofline(
        work.chip.per_device(),
        flops=per_device,
        hbm_bytes=guess.bytes,
        collectives=[collective for _, collective in collectives],
        devices=work.devices,
    )
    held = argument_bytes(arguments)
    peak = sum(held.values()) + guess.peak_bytes
    record = outcome(
        work,
        bound,
        fits=peak <= work.usable_bytes,
        peak=peak,
        flops=sum(per_device.values()),
        moved=guess.bytes,
        collectives=collectives_table(collectives),
        products=products,
    )
    whole, done = analytic.total(list(products)), sum(per_device.values()) * work.devices
    return record | {
        "method": "analytic",
        "note": "not compiled: traffic and memory are estimated from the program's trace (docs/planning.md has the "
        "rules and their error), collectives are those of gradients alone",
        "hbm_bytes": in_order({**held, BOTH: guess.peak_bytes}),
        "estimated_peak_bytes": guess.peak_bytes,
        "replicated_flops": max(1 - whole / done, 0.0) if done else 0.0,
    }


def plan_without_memory(estimated: Mapping[str, Any], compiled: Compiled) -> dict[str, Any]:
    """The record of a program that the compiler could not place: its memory from the compiler, the rest estimated.

    Args:
      estimated: what :func:`plan_analytic` says of the program.
      compiled: the compiler's result.
    """
    held = {kind: size for kind, size in estimated["hbm_bytes"].items() if kind != BOTH}
    # One message tells what temporaries alone would need, another all of it.
    only_temporaries = compiled.temporary_bytes == compiled.peak_bytes
    rest = max(compiled.peak_bytes - (0 if only_temporaries else sum(held.values())), 0)
    return {
        **estimated,
        "fits": False,
        "peak_hbm_bytes": sum(held.values()) + rest,
        "method": "compiled, does not fit",
        "note": "the compiler stopped for lack of memory: memory is its figure, the rest is estimated as for GPUs",
        "hbm_limit_bytes": compiled.limit_bytes,
        "hbm_bytes": in_order({**held, BOTH: rest}),
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
    """The fields of every plan, first the keys of ``KEYS``."""
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
        "usable_hbm_per_device": work.usable_bytes,
        "hardware": hardware_record(work.chip.per_device()),
    }


def hardware_record(chip: Hardware) -> dict[str, Any]:
    """The figures that the plan takes a device to have."""
    return {
        "chip": chip.name,
        "family": chip.family,
        "peak_flops": dict(chip.peak_flops),
        "hbm_bytes": chip.hbm_bytes,
        "hbm_bandwidth": chip.hbm_bandwidth,
        "link_bandwidth": chip.link_bandwidth,
        "links": chip.links,
        "machine_chips": chip.machine_chips,
        "card_bandwidth": chip.card_bandwidth,
        "source": chip.source,
    }


def list_collectives(program: Program, devices: int) -> list[tuple[str, Collective]]:
    """(name, collective) of every one: the name is its kind and cause, such as 'all-reduce/gradients'."""
    found = []
    for c in program.costs:
        for op in c.collectives:
            group = device_groups(op.groups, devices).shape[1]
            name = f"{op.kind}/{cause_of(op.kind, op.op_name)}"
            found.append((name, Collective(op.kind, op.bytes, group, c.times)))
    return found


def collectives_table(collectives: Sequence[tuple[str, Collective]]) -> dict[str, dict[str, int]]:
    """Name -> how many a step, and bytes of a device a step; the largest first."""
    table: dict[str, dict[str, int]] = {}
    for name, collective in collectives:
        row = table.setdefault(name, {"count": 0, "bytes": 0})
        row["count"] += collective.times
        row["bytes"] += int(collective.bytes) * collective.times
    return dict(sorted(table.items(), key=lambda item: -item[1]["bytes"]))


def memory_table(program: Program, compiled: Compiled, arguments: Sequence[Argument]) -> dict[str, int]:
    """Bytes at the peak, by kind.

    The state counts as it is laid out. The rest of the compiler's peak is split as the schedule's own peak is, between
    what the backward pass waits for and the rest.
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
