"""Plans as one HTML page that needs nothing else: tables, and plots in SVG."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from jaxgan.tools.planner.report import (
    change_rows,
    collective_rows,
    duration,
    memory,
    percent,
    plan_name,
    quantity,
    scaling_rows,
    summary_rows,
)
from jaxgan.tools.planner.svg import COLOURS, Bar, Line, bars, log_plot

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1100px; margin: 2em auto; padding: 0 1em; color: #222; }
h1 { font-size: 1.5em; } h2 { font-size: 1.2em; margin-top: 2em; } h3 { font-size: 1em; }
table { border-collapse: collapse; margin: .6em 0; } th, td { padding: .25em .8em; text-align: right; }
th:first-child, td:first-child, td:last-child { text-align: left; }
td { white-space: nowrap; } thead { border-bottom: 2px solid #222; }
tbody tr:nth-child(even) { background: #f4f4f4; } .no { color: #b00020; font-weight: bold; }
.note { background: #fff4d6; padding: .5em .8em; border-left: 4px solid #E69F00; } .wide { overflow-x: auto; }
svg { max-width: 100%; height: auto; } svg text { font: 13px system-ui, sans-serif; fill: #222; }
svg .frame { fill: none; stroke: #888; } svg .grid { stroke: #ddd; } svg .limit { stroke: #b00020; stroke-width: 2.5; }
small { color: #666; }
"""


def page(plans: Sequence[Mapping[str, Any]], *, title: str, scaling: Sequence[Mapping[str, Any]] = ()) -> str:
    """The page.

    Args:
      plans: records of :mod:`jaxgan.tools.planner.plan`.
      title: its heading.
      scaling: rows of :func:`jaxgan.tools.planner.weak.weak_scaling`, where asked for.
    """
    parts = [f"<h1>{escape(title)}</h1>", "<h2>Summary</h2>", _table(summary_rows(plans))]
    parts += ["<small>Times are bounds: no step is faster; see docs/planning.md.</small>"]
    parts += ["<h2>Memory of a device</h2>", "<p>The red mark is what a device has.</p>", _memory(plans)]
    parts += ["<h2>Least time of a step</h2>", _times(plans), "<h3>Rooflines</h3>", _rooflines(plans)]
    if scaling:
        parts += ["<h2>Weak scaling</h2>", _table(scaling_rows(scaling))]
    for plan in plans:
        parts.append(_one(plan))
    body = "\n".join(parts)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head>\n<body>\n{body}\n</body></html>\n"
    )


def _table(rows: Sequence[Sequence[str]]) -> str:
    """The first row is the head."""
    cells = "".join(f"<th>{escape(cell)}</th>" for cell in rows[0])
    lines = "".join("<tr>" + "".join(f"<td>{_cell(cell)}</td>" for cell in row) + "</tr>" for row in rows[1:])
    return f'<div class="wide"><table><thead><tr>{cells}</tr></thead><tbody>{lines}</tbody></table></div>'


def _cell(text: str) -> str:
    return f'<span class="no">{text}</span>' if text == "NO" else escape(text)


def _label(plan: Mapping[str, Any]) -> str:
    return f"{plan_name(plan)}, batch {plan['batch']}"


def _memory(plans: Sequence[Mapping[str, Any]]) -> str:
    return bars(
        [
            Bar(
                _label(plan),
                plan["hbm_bytes"],
                f"{memory(plan['peak_hbm_bytes'])} of {memory(plan['hbm_per_device'])}",
                plan["hbm_per_device"],
            )
            for plan in plans
        ]
    )


def _times(plans: Sequence[Mapping[str, Any]]) -> str:
    rows = []
    for plan in plans:
        for name, seconds in plan["roofline_seconds"].items():
            bound = " (binds)" if name == plan["bound_by"] else ""
            rows.append(Bar(f"{_label(plan)}: {name}", {name: seconds}, duration(seconds) + bound))
    return bars(rows, legend=False)


def _rooflines(plans: Sequence[Mapping[str, Any]]) -> str:
    roofs: dict[str, Line] = {}
    points = []
    for plan in plans:
        chip = plan["hardware"]
        peak, bandwidth = chip["peak_flops"]["bf16"], chip["hbm_bandwidth"]
        ridge = peak / bandwidth
        colour = COLOURS[len(roofs) % len(COLOURS)]
        roof = [(ridge / 100, peak / 100), (ridge, peak), (ridge * 30, peak)]
        roofs.setdefault(chip["chip"], Line(f"{chip['chip']}: roof", roof, colour))
        flops, moved = plan["flops_per_device"], plan["bytes_per_device"]
        if flops and moved:
            at = [(flops / moved, flops / plan["step_seconds"])]
            points.append(Line(_label(plan), at, roofs[chip["chip"]].colour, joined=False))
    return log_plot(
        [*roofs.values(), *points],
        x_title="FLOP per byte of main memory",
        y_title="FLOP/s of a device (bf16)",
        text=lambda value: quantity(value),
    )


def _one(plan: Mapping[str, Any]) -> str:
    parts = [f"<h2>{escape(_label(plan))}: {escape(plan['method'])}</h2>"]
    if "note" in plan:
        parts.append(f'<p class="note">{escape(plan["note"])}</p>')
    if plan.get("changes"):
        parts += ["<h3>What to change (estimates)</h3>", _table(change_rows(plan))]
    parts += ["<h3>FLOPs by layer, whole step</h3>", _layers(plan["flops_by_layer"])]
    if plan["collectives"]:
        parts += ["<h3>Collectives of a device, a step</h3>", _table(collective_rows(plan))]
    for title, key in (("kind of work", "bytes_by_kind"), ("pass", "bytes_by_pass"), ("layer", "bytes_by_layer")):
        if plan.get(key):
            rows_ = [Bar(name, {key: value}, quantity(value, "B")) for name, value in list(plan[key].items())[:14]]
            parts += [f"<h3>Main memory's traffic by {title}</h3>", bars(rows_)]
    if "replicated" in plan:
        again = plan["replicated"]
        shares = {"FLOPs": again["flops"], "bytes": again["bytes"], "kernels' time": again["seconds"]}
        shares |= {f"time: {name}": share for name, share in again["seconds_by_kind"].items() if share >= 5e-4}
        rows_ = [Bar(name, {"share": share}, percent(share)) for name, share in shares.items()]
        parts += ["<h3>Replicated: done by several devices</h3>", bars(rows_)]
    return "\n".join(parts)


def _layers(layers: Mapping[str, Mapping[str, int]]) -> str:
    return bars([Bar(name, passes, quantity(sum(passes.values()))) for name, passes in list(layers.items())[:24]])
