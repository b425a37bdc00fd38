"""``jaxgan evaluate --sweep=truncation``: scores over a range of truncations, and the curve of one over another."""

import importlib.util
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jaxgan.cli.run import open_run
from jaxgan.cli.scoring import Scores, protocol_of, reference_of_run, score_checkpoint
from jaxgan.evaluation import Truncation
from jaxgan.evaluation.sampling import check_truncation
from jaxgan.parallel import is_main
from jaxgan.training.errors import UserError

log = logging.getLogger("jaxgan")

TRUNCATIONS = (0.04, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.5, 2.0)


def sweep(parsed: Any) -> Iterator[Scores]:
    """Scores at each of ``--values``, then the curve as a plot."""
    try:
        values = [float(v) for v in parsed.values.split(",")] if parsed.values is not None else list(TRUNCATIONS)
    except ValueError:
        raise UserError(f"--values={parsed.values}: give numbers, such as 0.2,0.5,1.0") from None
    if parsed.step is not None and not parsed.step.isdigit():
        raise UserError(f"--step={parsed.step}: a sweep is of one checkpoint; give its step")
    mode = parsed.truncation_mode or "scaled_truncated_normal"
    truncations = [Truncation(mode, value) for value in values]
    for truncation in truncations:
        check_truncation(truncation)
    if parsed.out and importlib.util.find_spec("matplotlib") is None:
        raise UserError("--out needs matplotlib: pip install jaxgan[plots]")
    run = open_run(parsed.workdir, step=None if parsed.step is None else int(parsed.step), raw=parsed.raw)
    protocol = protocol_of(parsed, run)
    if parsed.out and len(protocol.names) < 2:
        raise UserError("--out draws one score against another: name two or more --metrics")
    reference = reference_of_run(parsed, run)
    curve: list[Scores] = []
    for truncation in truncations:
        curve.append(score_checkpoint(parsed, run, protocol, reference, truncation))
        yield curve[-1]
    if parsed.out and is_main():
        _plot(parsed.out, mode, values, curve)
        log.info("curve %s", parsed.out)


def _plot(out: str, mode: str, values: list[float], curve: list[Scores]) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    x, *others = curve[0]
    figure, axes = pyplot.subplots(1, len(others), figsize=(5 * len(others), 4), squeeze=False)
    for axis, y in zip(axes[0], others):
        points = [(scores[x], scores[y]) for scores in curve]
        axis.errorbar(
            [a.value for a, _ in points],
            [b.value for _, b in points],
            xerr=[a.stderr or 0 for a, _ in points],
            yerr=[b.stderr or 0 for _, b in points],
            marker="o",
        )
        for value, (a, b) in zip(values, points):
            axis.annotate(f"{value:g}", (a.value, b.value), textcoords="offset points", xytext=(4, 4))
        axis.set_xlabel(x)
        axis.set_ylabel(y)
        axis.set_title(f"truncation ({mode})")
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    figure.tight_layout()
    figure.savefig(out, dpi=120)
    pyplot.close(figure)
