"""Draws a run's losses and scores over its steps: ``python docs/measure/curve.py RUN/metrics.jsonl OUT.png``
(extra ``[plots]``).
"""

import sys
from collections.abc import Sequence
from typing import Any

from extras import require

from jaxgan.training.records import read_records


def smoothed(values: Sequence[float], half_life: float = 7.0) -> list[float]:
    """An exponential average with the given half-life, in records."""
    keep = 0.5 ** (1 / half_life)
    out: list[float] = []
    for value in values:
        out.append(value if not out else keep * out[-1] + (1 - keep) * value)
    return out


def draw(records: Sequence[dict[str, Any]], out: str) -> None:
    """Writes a PNG: every ``*/loss``, raw and smoothed; next to it every ``eval/*`` score that lies in [0, 1]."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, (losses, scores) = plt.subplots(1, 2, figsize=(9, 3.2))
    for number, name in enumerate(sorted(k for k in records[0] if k.endswith("/loss"))):
        points = [(r["step"], r[name]) for r in records if r.get(name) is not None]
        steps, values = [s for s, _ in points], [v for _, v in points]
        losses.plot(steps, values, f"C{number}", alpha=0.2)
        losses.plot(steps, smoothed(values), f"C{number}", label=name)
    scored = [r for r in records if any(k.startswith("eval/") for k in r)]
    for name in sorted({k for r in scored for k in r if k.startswith("eval/")}):
        values = [r[name] for r in scored]
        if all(0 <= v <= 1 for v in values):
            scores.plot([r["step"] for r in scored], values, "o-", label=name)
    for axes in (losses, scores):
        axes.set_xlabel("step")
        axes.legend(fontsize=7)
    scores.set_ylim(0, 1)
    figure.tight_layout()
    figure.savefig(out, dpi=110)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python docs/measure/curve.py RUN/metrics.jsonl OUT.png")
    require("matplotlib", extra="plots")
    draw(read_records(sys.argv[1]), sys.argv[2])
