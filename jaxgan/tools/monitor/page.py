"""A run as one HTML page that needs nothing else: alarms, curves as SVG, a timeline of its samples."""

import base64
from collections.abc import Sequence
from html import escape

from etils import epath

from jaxgan.tools.monitor.curves import chart
from jaxgan.tools.monitor.run_view import Curve, RunView

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1120px; margin: 2em auto; padding: 0 1em; color: #222; }
h1 { font-size: 1.5em; } h2 { font-size: 1.2em; margin-top: 2em; } h3 { font-size: 1em; margin: 0; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(480px, 1fr)); gap: 1em; }
.charts p { font-size: 12px; margin: 0; } svg { max-width: 100%; height: auto; }
svg text { font: 12px system-ui, sans-serif; fill: #444; } svg rect { fill: none; stroke: #bbb; }
svg polyline { fill: none; stroke-width: 1.5; } svg .alarm { stroke: #b00020; stroke-dasharray: 3 3; }
.alarms li { color: #b00020; } .timeline { display: flex; gap: 1em; overflow-x: auto; }
figure { margin: 0; } figure img { max-height: 320px; image-rendering: pixelated; } figcaption { text-align: center; }
"""

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"

# Pictures of the timeline, and the bytes of one that are still taken in.
MOST_SAMPLES, MOST_BYTES = 16, 4 * 2**20


def page(run: RunView) -> str:
    """The page. Names that come from files are escaped, and it loads nothing from elsewhere."""
    title = f"{run.name} ({run.recipe})"
    parts = [f"<h1>{escape(title)}</h1>", f"<p>{escape(_progress(run))}</p>", "<h2>Alarms</h2>", _alarms(run)]
    if run.samples:
        parts += ["<h2>Samples</h2>", _timeline(run.samples)]
    parts += ["<h2>Curves</h2>", _charts(run)]
    body = "\n".join(parts)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">'
        f"<style>{_STYLE}</style></head>\n<body>\n{body}\n</body></html>\n"
    )


def _progress(run: RunView) -> str:
    step = "no record yet" if run.step is None else f"step {run.step:,}"
    of = f" of {run.total_steps:,}" if run.step is not None and run.total_steps else ""
    return f"{step}{of}." + (f" Time: {run.time}." if run.time else "")


def _alarms(run: RunView) -> str:
    if not run.alarms:
        return "<p>None.</p>"
    return '<ul class="alarms">' + "".join(f"<li>{escape(a.sentence())}</li>" for a in run.alarms) + "</ul>"


def group_of(name: str) -> str:
    """The chart that a metric is drawn in: that of its quantity, over players, layers and members."""
    if "eval/" in name:
        return "eval/" + name.rpartition("eval/")[2]
    for quantity in ("sigma", "sigma_2", "sigma_3"):
        if f"/{quantity}/" in name:
            return quantity
    last = name.rpartition("/")[2]
    return "D's outputs" if last in ("real", "fake", "gap") else last


def _charts(run: RunView) -> str:
    groups: dict[str, list[Curve]] = {}
    for curve in run.curves:
        groups.setdefault(group_of(curve.name), []).append(curve)
    marks = sorted({alarm.step for alarm in run.alarms})
    drawn = [f"<div><h3>{escape(g)}</h3>{chart(curves, marks=marks)}</div>" for g, curves in groups.items()]
    return f'<div class="charts">{"".join(drawn)}</div>'


def _timeline(samples: Sequence[tuple[int, epath.Path]]) -> str:
    """As many as fit, evenly over the run, the newest among them."""
    most = min(MOST_SAMPLES, len(samples))
    chosen = [samples[round(i * (len(samples) - 1) / max(most - 1, 1))] for i in range(most)] if most > 1 else samples
    figures = "".join(f"<figure>{_picture(path)}<figcaption>{step:,}</figcaption></figure>" for step, path in chosen)
    return f'<div class="timeline">{figures}</div>'


def _picture(path: epath.Path) -> str:
    size = path.stat().length
    if size > MOST_BYTES:
        return f"<p>{escape(path.name)} is of {size / 2**20:.1f} MiB, too large for this page</p>"
    return f'<img alt="samples" src="data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}">'
