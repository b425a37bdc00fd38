"""A run on one screen of a terminal: newest metrics with sparklines, alarms, where the time went."""

import math
from collections.abc import Sequence

import numpy as np

from jaxgan.data.printable import printable
from jaxgan.tools.monitor.run_view import Curve, RunView

_BARS = "▁▂▃▄▅▆▇█"
_NAME, _NUMBER, _GAP = 34, 11, 2
_MOST_ALARMS = 6


def sparkline(values: Sequence[float] | np.ndarray, width: int) -> str:
    """At most ``width`` bars, each the mean of as many values; '×' where one of them is not finite."""
    values = np.asarray(values, float)
    finite = values[np.isfinite(values)]
    if width < 1 or not len(values):
        return ""
    low, high = (finite.min(), finite.max()) if len(finite) else (0.0, 0.0)
    bars = ""
    for part in np.array_split(values, min(width, len(values))):
        if not np.isfinite(part).all():
            bars += "×"
        else:
            share = (part.mean() - low) / (high - low) if high > low else 0.0
            bars += _BARS[min(int(share * len(_BARS)), len(_BARS) - 1)]
    return bars


def screen(run: RunView, *, width: int = 100, height: int = 40) -> str:
    """The run as lines of at most ``width`` characters, at most ``height`` of them."""
    lines = [_headline(run), ""]
    lines += [f"  ! {alarm.sentence()}" for alarm in run.alarms[:_MOST_ALARMS]]
    if len(run.alarms) > _MOST_ALARMS:
        lines.append(f"  ! and {len(run.alarms) - _MOST_ALARMS} more; --html=FILE shows all")
    lines += ["alarms: none" if not run.alarms else "", f"{'metric':<{_NAME}}{'last':>{_NUMBER}}"]
    last = [f"time: {run.time}"] if run.time else []
    room = max(height - len(lines) - len(last), 1)
    shown = run.curves if len(run.curves) <= room else run.curves[: room - 1]
    lines += [_row(curve, width) for curve in shown]
    if len(shown) < len(run.curves):
        lines.append(f"... and {len(run.curves) - len(shown)} more metrics; --html=FILE shows all")
    return "\n".join(printable(line)[:width] for line in [*lines, *last])


def _headline(run: RunView) -> str:
    if run.step is None:
        return f"{run.name} ({run.recipe}): no record yet"
    total = run.total_steps
    of = f" of {total:,} ({run.step / total:.0%})" if total and total >= run.step else ""
    return f"{run.name} ({run.recipe}): step {run.step:,}{of}"


def _row(curve: Curve, width: int) -> str:
    last = curve.values[-1]
    value = f"{last:.5g}" if math.isfinite(last) else "not finite"
    name = curve.name if len(curve.name) < _NAME else "…" + curve.name[-_NAME + 2 :]
    bars = sparkline(curve.values, width - _NAME - _NUMBER - _GAP)
    return f"{name:<{_NAME}}{value:>{_NUMBER}}{' ' * _GAP}{bars}"
