"""Plots as SVG text: nothing to install, nothing to load."""

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import NamedTuple

# Okabe and Ito's palette (jfly.uni-koeln.de/color), which the colour-blind can distinguish.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#999999", "#000000")

# Pixels: of a label, a row, the whole, and the text at the right; characters of a label.
_LABEL, _ROW, _WIDTH, _VALUE, _LONGEST = 330, 26, 1000, 190, 46


class Bar(NamedTuple):
    """One row of a bar chart.

    Attributes:
      label: at its left.
      parts: name -> length; drawn one after the other.
      text: at its right.
      limit: where a mark is drawn; None for none.
    """

    label: str
    parts: Mapping[str, float]
    text: str
    limit: float | None = None


def bars(rows: Sequence[Bar], *, legend: bool = True) -> str:
    """A chart of horizontal bars on one scale; parts of the same name have the same colour."""
    names = list(dict.fromkeys(name for row in rows for name in row.parts))
    colour = {name: COLOURS[place % len(COLOURS)] for place, name in enumerate(names)}
    longest = max([sum(row.parts.values()) for row in rows] + [row.limit or 0.0 for row in rows] + [1e-30])
    span = _WIDTH - _LABEL - _VALUE
    body, y = [], 4
    for row in rows:
        body.append(_text(_LABEL - 8, y + 15, _shortened(row.label), anchor="end"))
        x = float(_LABEL)
        for name, value in row.parts.items():
            width = span * value / longest
            tip = f"<title>{escape(name)}: {100 * value / max(sum(row.parts.values()), 1e-30):.1f} %</title>"
            body.append(
                f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{_ROW - 8}" fill="{colour[name]}">{tip}</rect>'
            )
            x += width
        if row.limit is not None:
            at = _LABEL + span * row.limit / longest
            body.append(f'<line x1="{at:.1f}" y1="{y - 3}" x2="{at:.1f}" y2="{y + _ROW - 5}" class="limit"/>')
            x = max(x, at)
        body.append(_text(x + 8, y + 15, row.text))
        y += _ROW
    if legend and len(names) > 1:
        y += 8
        x = float(_LABEL)
        for name in names:
            wide = 30 + 7.8 * len(name)
            if x + wide > _WIDTH:
                x, y = float(_LABEL), y + 20
            body.append(f'<rect x="{x:.1f}" y="{y}" width="12" height="12" fill="{colour[name]}"/>')
            body.append(_text(x + 17, y + 11, name))
            x += wide
        y += 22
    return _svg(body, _WIDTH, y + 4)


class Line(NamedTuple):
    """Points joined by a line, or alone.

    Attributes:
      label: in the legend.
      points: (x, y).
      colour: as SVG has it.
      joined: whether a line joins them.
    """

    label: str
    points: Sequence[tuple[float, float]]
    colour: str
    joined: bool = True


def log_plot(lines: Sequence[Line], *, x_title: str, y_title: str, text: Callable[[float], str]) -> str:
    """Lines and points over two logarithmic axes, with a grid at powers of ten."""
    xs = [x for line in lines for x, _ in line.points]
    ys = [y for line in lines for _, y in line.points]
    low_x, high_x, low_y, high_y = _span(xs), _span(xs, up=True), _span(ys), _span(ys, up=True)
    left, top, wide, high = 90, 12, 640, 320

    def place(x: float, y: float) -> tuple[float, float]:
        across = (math.log10(x) - low_x) / max(high_x - low_x, 1e-9)
        up = (math.log10(y) - low_y) / max(high_y - low_y, 1e-9)
        return left + wide * across, top + high * (1 - up)

    body = [f'<rect x="{left}" y="{top}" width="{wide}" height="{high}" class="frame"/>']
    for power in range(math.ceil(low_x), math.floor(high_x) + 1):
        x, _ = place(10.0**power, 10.0**low_y)
        body.append(f'<line x1="{x:.1f}" y1="{top}" x2="{x:.1f}" y2="{top + high}" class="grid"/>')
        body.append(_text(x, top + high + 16, text(10.0**power), anchor="middle"))
    for power in range(math.ceil(low_y), math.floor(high_y) + 1):
        _, y = place(10.0**low_x, 10.0**power)
        body.append(f'<line x1="{left}" y1="{y:.1f}" x2="{left + wide}" y2="{y:.1f}" class="grid"/>')
        body.append(_text(left - 8, y + 4, text(10.0**power), anchor="end"))
    for number, line in enumerate(lines):
        colour = line.colour
        at = [place(x, y) for x, y in line.points]
        if line.joined:
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in at)
            body.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        else:
            body += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="6" fill="{colour}"/>' for x, y in at]
        y_at = top + 14 + 20 * number
        mark = (
            f'<line x1="{left + wide + 14}" y1="{y_at - 4}" x2="{left + wide + 34}" y2="{y_at - 4}" stroke="{colour}"/>'
        )
        dot = f'<circle cx="{left + wide + 24}" cy="{y_at - 4}" r="5" fill="{colour}"/>'
        body += [mark if line.joined else dot, _text(left + wide + 40, y_at, line.label)]
    body.append(_text(left + wide / 2, top + high + 36, x_title, anchor="middle"))
    body.append(
        f'<text x="18" y="{top + high / 2}" text-anchor="middle" transform="rotate(-90 18 {top + high / 2})">'
        f"{escape(y_title)}</text>"
    )
    return _svg(body, _WIDTH, max(top + high + 46, top + 24 + 20 * len(lines)))


def _shortened(label: str) -> str:
    return label if len(label) <= _LONGEST else "…" + label[-_LONGEST + 1 :]


def _span(values: Sequence[float], *, up: bool = False) -> float:
    end = math.log10(max(values) if up else min(values))
    return math.ceil(end + 0.05) if up else math.floor(end - 0.05)


def _text(x: float, y: float, text: str, *, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _svg(body: Sequence[str], width: float, height: float) -> str:
    head = f'<svg viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}" role="img">'
    return head + "".join(body) + "</svg>"
