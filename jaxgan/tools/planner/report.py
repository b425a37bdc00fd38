"""Plans as text: one table for all topologies, then what is worth knowing of each."""

from collections.abc import Mapping, Sequence
from typing import Any

_UNITS = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def quantity(value: float, unit: str = "", digits: int = 3) -> str:
    """``value`` with a metric prefix, such as '1.23 GB'."""
    for size, prefix in _UNITS:
        if abs(value) >= size:
            return f"{value / size:.{digits}g} {prefix}{unit}"
    return f"{value:.{digits}g} {unit}".strip()


def memory(value: float) -> str:
    """Bytes in binary units, such as '15.8 GiB', as memory is sold and compilers speak of it."""
    for size, name in ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if value >= size:
            return f"{value / size:.2f} {name}"
    return f"{value:.0f} B"


def duration(seconds: float) -> str:
    """Seconds, as 's', 'ms' or 'us'."""
    for size, name in ((1.0, "s"), (1e-3, "ms")):
        if seconds >= size:
            return f"{seconds / size:.3g} {name}"
    return f"{seconds * 1e6:.3g} us"


def percent(share: float) -> str:
    """A share in per cent."""
    return f"{100 * share:.1f} %"


def table(rows: Sequence[Sequence[str]]) -> str:
    """Rows in columns: the first row is the head; the first column is left-aligned, the rest right-aligned."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))]
        lines.append("  ".join(cells).rstrip())
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)


def summary_rows(plans: Sequence[Mapping[str, Any]], *, brief: bool = False) -> list[list[str]]:
    """A head, then one row a plan; ``brief`` leaves out what a line of text has no space for."""
    priced = any("price" in plan["run"] for plan in plans)
    found = []
    for plan in plans:
        cells = {
            "topology": plan_name(plan),
            "devices": str(plan["devices"]),
            "batch": str(plan["batch"]),
            "fits": "yes" if plan["fits"] else "NO",
            "HBM/device": memory(plan["peak_hbm_bytes"]),
            "FLOP/device": quantity(plan["flops_per_device"]),
            "bytes/device": quantity(plan["bytes_per_device"]),
            "step": duration(plan["step_seconds"]),
            "images/s": f"{plan['images_per_second']:,.0f}",
            "MFU": percent(plan["mfu"]),
            "bound by": plan["bound_by"],
        }
        cells |= {} if brief else {"hours": f"{plan['run']['hours']:,.2f}"}
        cells["chip-hours"] = f"{plan['run']['chip_hours']:,.1f}"
        cells |= {"price": f"{plan['run'].get('price', 0):,.2f}"} if priced else {}
        found.append(cells if brief else cells | {"method": plan["method"]})
    return [list(found[0]), *(list(cells.values()) for cells in found)]


def change_rows(plan: Mapping[str, Any]) -> list[list[str]]:
    """A head, then one row a change that would help a plan that does not fit."""
    rows = [
        [c["change"], memory(c["peak_hbm_bytes"]), "yes" if c["fits"] else "NO", " ".join(c["flags"])]
        for c in plan["changes"]
    ]
    return [["change", "HBM/device", "fits", "flags"], *rows]


def collective_rows(plan: Mapping[str, Any]) -> list[list[str]]:
    """A head, then one row a kind and cause of collectives."""
    rows = [[name, str(row["count"]), quantity(row["bytes"], "B")] for name, row in plan["collectives"].items()]
    return [["kind/cause", "count", "bytes"], *rows]


def scaling_rows(rows: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """A head, then one row a number of devices: figures of a device, with their ratio to the first row's."""
    keys = {"FLOP/device": "flops_per_device", "bytes/device": "bytes_per_device", "HBM/device": "peak_hbm_bytes"}
    found = [["topology", "devices", "batch", *(part for head in keys for part in (head, "ratio"))]]
    for row in rows:
        cells = [row["topology"], str(row["devices"]), str(row["batch"])]
        for key in keys.values():
            ratio = row[f"{key}_ratio"]
            cells += [quantity(row[key], digits=4), "-" if ratio is None else f"{ratio:.4f}"]
        found.append(cells)
    return found


def summary(plans: Sequence[Mapping[str, Any]]) -> str:
    """One row a plan."""
    whole = {
        f"{plan['topology']}, all stages: {_cost(plan['whole_run'])}": None for plan in plans if "whole_run" in plan
    }
    return "\n".join([table(summary_rows(plans, brief=True)), *whole])


def plan_name(plan: Mapping[str, Any]) -> str:
    """The topology, and the stage where the run has several."""
    return f"{plan['topology']} {plan['stage']}" if "stage" in plan else plan["topology"]


def _cost(run: Mapping[str, Any]) -> str:
    price = f", price {run['price']:,.2f}" if "price" in run else ""
    return (
        f"{run['steps']:,} steps: {run['hours']:,.2f} hours, {run['chip_hours']:,.1f} chip-hours{price}, at the least"
    )


def details(plan: Mapping[str, Any], *, layers: int = 12) -> str:
    """Everything else of one plan."""
    parts = [f"{plan_name(plan)}: {plan['method']}, {plan['devices']} devices, mesh {_pairs(plan['mesh'])}"]
    parts += [f"  note: {plan['note']}"] if "note" in plan else []
    of = plan["hbm_per_device"]
    state = "fits" if plan["fits"] else "does NOT fit"
    parts.append(f"\nMemory of a device: {state}: {memory(plan['peak_hbm_bytes'])} of {memory(of)}")
    parts.append(_bars(plan["hbm_bytes"], memory))
    if plan.get("changes"):
        parts.append("\nWhat to change (estimates; run the plan with the flags to be sure)")
        parts.append(_indent(table(change_rows(plan))))
    bound = plan["roofline_seconds"]
    parts.append(
        f"\nA step takes at least {duration(plan['step_seconds'])}, bound by {plan['bound_by']}: "
        + ", ".join(f"{name} {duration(value)}" for name, value in bound.items())
    )
    if "kernels_seconds" in plan:
        parts.append(f"  kernels one after the other, network on top: {duration(plan['kernels_seconds'])}")
    estimated = plan.get("compiler", {}).get("estimated_seconds")
    if estimated:
        parts.append(f"  the compiler's own estimate of its kernels: {duration(estimated)}")
    parts.append(f"  {_cost({'steps': plan['steps'], **plan['run']})}")
    needed, again = plan["model_flops_per_step"], plan["recomputed_flops_per_step"]
    parts.append(
        f"\nFLOPs of a step, all devices: {quantity(needed)}" + (f" + {quantity(again)} recomputed" if again else "")
    )
    rows = [["layer", "forward", "backward", "share"]]
    whole = needed + again
    for layer, passes in list(plan["flops_by_layer"].items())[:layers]:
        other = sum(passes.values()) - passes.get("backward", 0)
        rows.append(
            [layer, quantity(other), quantity(passes.get("backward", 0)), percent(sum(passes.values()) / whole)]
        )
    parts.append(_indent(table(rows)))
    if "compiler" in plan:
        once = plan["compiler"]["flops_loops_once"]
        parts.append(
            f"  a device: {quantity(plan['flops_per_device'])} in products, loops multiplied out; the compiler counts "
            f"{quantity(once)}, elementwise work included and bodies of loops once"
        )
    if plan["collectives"]:
        parts += ["\nCollectives of a device, a step", _indent(table(collective_rows(plan)))]
    for title, key in (("Main memory's traffic, by kind of work", "bytes_by_kind"), ("... by pass", "bytes_by_pass")):
        if plan.get(key):
            parts += [f"\n{title}", _bars(plan[key], lambda value: quantity(value, "B"))]
    if plan.get("bytes_by_layer"):
        top = dict(list(plan["bytes_by_layer"].items())[:layers])
        parts += ["\n... by layer", _bars(top, lambda value: quantity(value, "B"), plan["bytes_per_device"])]
    if "replicated" in plan:
        again = plan["replicated"]
        parts.append(
            f"\nReplicated, done by several devices: {percent(again['flops'])} of FLOPs, "
            f"{percent(again['bytes'])} of bytes, {percent(again['seconds'])} of the kernels' time"
        )
        kinds = [f"{name} {percent(share)}" for name, share in again["seconds_by_kind"].items() if share >= 5e-4]
        parts += [f"  of the time: {', '.join(kinds)}"] if kinds else []
    unknown = [name for name, count in plan.get("loops", {}).items() if count is None]
    if unknown:
        parts.append(f"  loops of unknown length, counted once: {', '.join(unknown)}")
    return "\n".join(parts)


def scaling(rows: Sequence[Mapping[str, Any]]) -> str:
    """Weak scaling, one row a number of devices."""
    return "Weak scaling, a fixed number of images a chip\n" + _indent(table(scaling_rows(rows)))


def _pairs(mesh: Mapping[str, int]) -> str:
    return " x ".join(f"{name} {size}" for name, size in mesh.items())


def _indent(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())


def _bars(values: Mapping[str, float], text: Any, whole: float | None = None) -> str:
    whole = sum(values.values()) if whole is None else whole
    if not values or not whole:
        return "  nothing"
    widest = max(len(name) for name in values)
    lines = []
    for name, value in values.items():
        lines.append(
            f"  {name.ljust(widest)}  {text(value):>11}  {percent(value / whole):>7}  {'#' * round(40 * value / whole)}"
        )
    return "\n".join(line.rstrip() for line in lines)
