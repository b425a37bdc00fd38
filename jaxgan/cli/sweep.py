"""``jaxgan evaluate --sweep=OPTION``: scores over a range of a sampling option, and the curve of one over another."""

import importlib.util
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jaxgan.cli.arguments import sampling_options
from jaxgan.cli.run import open_run
from jaxgan.cli.scoring import Scores, reference_of_run, score_checkpoint, scoring_of
from jaxgan.evaluation.options import (
    DEFAULT_TRUNCATION_MODE,
    TRUNCATION,
    TRUNCATION_MODE,
    checked_options,
    parse_options,
)
from jaxgan.parallel import is_main
from jaxgan.training.errors import UserError
from jaxgan.training.method import Score

log = logging.getLogger("jaxgan")

TRUNCATIONS = (0.04, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.5, 2.0)


def sweep(parsed: Any) -> Iterator[Scores]:
    """Scores at each of ``--values`` of the option ``--sweep``, then the curve as a plot."""
    if parsed.values is None and parsed.sweep != TRUNCATION:
        raise UserError(f"--sweep={parsed.sweep} needs --values=V,V,...")
    texts = [f"{value:g}" for value in TRUNCATIONS] if parsed.values is None else parsed.values.split(",")
    if parsed.step is not None and not (parsed.step.isascii() and parsed.step.isdecimal()):
        raise UserError(f"--step={parsed.step}: a sweep is of one checkpoint; give its step")
    if parsed.out and importlib.util.find_spec("matplotlib") is None:
        raise UserError("--out needs matplotlib: pip install jaxgan[plots]")
    run = open_run(parsed.workdir, step=None if parsed.step is None else int(parsed.step), raw=parsed.raw)
    mode = parsed.truncation_mode or DEFAULT_TRUNCATION_MODE
    parsed.truncation_mode = None
    shared = sampling_options(run.method, parsed) | ({TRUNCATION_MODE: mode} if parsed.sweep == TRUNCATION else {})
    points = [shared | parse_options(run.method, [f"{parsed.sweep}={text}"]) for text in texts]
    for options in points:
        checked_options(run.method, options)
    scoring, _ = scoring_of(parsed, run)
    if parsed.out and len(scoring.names) < 2:
        raise UserError("--out draws one score against another: name two or more --metrics")
    reference = reference_of_run(parsed, run, scoring)
    curve: list[Scores] = []
    for options in points:
        curve.append(score_checkpoint(parsed, run, scoring, reference, options))
        yield curve[-1]
    if parsed.out and is_main():
        title = f"{parsed.sweep} ({mode})" if parsed.sweep == TRUNCATION else parsed.sweep
        _plot(parsed.out, title, [str(options[parsed.sweep]) for options in points], curve)
        log.info("curve %s", parsed.out)


def _plot(out: str, title: str, values: list[str], curve: list[Scores]) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    x, *others = curve[0]
    # A point of which either score failed is left out.
    figure, axes = pyplot.subplots(1, len(others), figsize=(5 * len(others), 4), squeeze=False)
    for axis, y in zip(axes[0], others):
        drawn = [(value, scores.get(x), scores.get(y)) for value, scores in zip(values, curve)]
        known = [(value, a, b) for value, a, b in drawn if isinstance(a, Score) and isinstance(b, Score)]
        axis.errorbar(
            [a.value for _, a, _ in known],
            [b.value for _, _, b in known],
            xerr=[a.stderr or 0 for _, a, _ in known],
            yerr=[b.stderr or 0 for _, _, b in known],
            marker="o",
        )
        for value, a, b in known:
            axis.annotate(value, (a.value, b.value), textcoords="offset points", xytext=(4, 4))
        axis.set_xlabel(x)
        axis.set_ylabel(y)
        axis.set_title(title)
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    figure.tight_layout()
    figure.savefig(out, dpi=120)
    pyplot.close(figure)
