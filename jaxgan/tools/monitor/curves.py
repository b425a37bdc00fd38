"""Curves of metrics over steps as inline SVG."""

import math
from collections.abc import Sequence
from html import escape

import numpy as np

from jaxgan.tools.monitor.run_view import Curve
from jaxgan.tools.planner.svg import COLOURS

_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 520, 190, 62, 8, 22
_POINTS, _MOST_LINES = 300, 16


def chart(curves: Sequence[Curve], *, marks: Sequence[int] = ()) -> str:
    """One chart of curves that share an axis, with a legend.

    The axis is logarithmic where all values are positive and span more than three powers of ten.

    Args:
      curves: at least one.
      marks: steps at which a line is drawn, such as those of alarms.
    """
    shown = [_thinned(curve) for curve in curves[:_MOST_LINES]]
    values = np.concatenate([curve.values[np.isfinite(curve.values)] for curve in shown])
    steps = np.concatenate([curve.steps for curve in shown])
    if not len(values):
        return "<p>No finite value.</p>"
    log = bool(values.min() > 0 and values.max() > 1e3 * values.min())
    scaled = np.log10(values) if log else values
    low, high = float(scaled.min()), float(scaled.max())
    if high - low <= 1e-12 * max(abs(high), 1e-30):
        low, high = low - max(abs(low) * 0.01, 1e-9), high + max(abs(high) * 0.01, 1e-9)
    first, last = int(steps.min()), max(int(steps.max()), int(steps.min()) + 1)

    def across(step: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - 8) * (step - first) / (last - first)

    def up(value: float) -> float:
        return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (1 - ((math.log10(value) if log else value) - low) / (high - low))

    body = [f'<rect x="{_LEFT}" y="{_TOP}" width="{_WIDTH - _LEFT - 8}" height="{_HEIGHT - _TOP - _BOTTOM}"/>']
    for share in (0.0, 0.5, 1.0):
        at = low + share * (high - low)
        y = _TOP + (_HEIGHT - _TOP - _BOTTOM) * (1 - share)
        body.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{10**at if log else at:.3g}</text>')
    body.append(f'<text x="{_LEFT}" y="{_HEIGHT - 6}">{first:,}</text>')
    body.append(f'<text x="{_WIDTH - 8}" y="{_HEIGHT - 6}" text-anchor="end">step {last:,}</text>')
    body += [
        f'<line class="alarm" x1="{across(at):.1f}" x2="{across(at):.1f}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}"/>'
        for at in marks
        if first <= at <= last
    ]
    for number, curve in enumerate(shown):
        colour = COLOURS[number % len(COLOURS)]
        for part in _finite_parts(curve):
            points = " ".join(f"{across(step):.1f},{up(value):.1f}" for step, value in part)
            if len(part) == 1:
                step, value = part[0]
                body.append(f'<circle cx="{across(step):.1f}" cy="{up(value):.1f}" r="2.5" fill="{colour}"/>')
            else:
                body.append(f'<polyline points="{points}" stroke="{colour}"/>')
    head = f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" role="img">'
    more = f" and {len(curves) - _MOST_LINES} more" if len(curves) > _MOST_LINES else ""
    legend = " ".join(
        f'<span style="color:{COLOURS[number % len(COLOURS)]}">&#9632;</span>&nbsp;{escape(curve.name)}'
        for number, curve in enumerate(shown)
    )
    return f"{head}{''.join(body)}</svg><p>{legend}{more}</p>"


def _thinned(curve: Curve) -> Curve:
    """At most so many points: of each stretch the least, the largest, and one that is not finite."""
    if len(curve.steps) <= _POINTS:
        return curve
    kept: list[int] = []
    for part in np.array_split(np.arange(len(curve.steps)), _POINTS // 2):
        values = curve.values[part]
        wrong = ~np.isfinite(values)
        kept += {
            int(part[np.where(wrong, np.inf, values).argmin()]),
            int(part[np.where(wrong, -np.inf, values).argmax()]),
        }
        kept += [int(part[wrong][0])] if wrong.any() else []
    order = sorted(set(kept))
    return Curve(curve.name, curve.steps[order], curve.values[order])


def _finite_parts(curve: Curve) -> list[list[tuple[int, float]]]:
    """The stretches of a curve between values that are not finite."""
    parts: list[list[tuple[int, float]]] = [[]]
    for step, value in zip(curve.steps.tolist(), curve.values.tolist()):
        if math.isfinite(value):
            parts[-1].append((step, value))
        elif parts[-1]:
            parts.append([])
    return [part for part in parts if part]
