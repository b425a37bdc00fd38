"""A study's results as a table: mean and spread over seeds, budget, wall time."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from jaxgan.tools.studies.results import DIVERGED, FINISHED, Result
from jaxgan.tools.studies.study import Study, value
from jaxgan.training.errors import UserError


class Spread(NamedTuple):
    """Values over seeds.

    Attributes:
      mean: of them.
      deviation: the sample's standard deviation (n - 1); None of one value.
      number: how many.
    """

    mean: float
    deviation: float | None
    number: int


class Row(NamedTuple):
    """One variant over its seeds.

    Attributes:
      variant: its name.
      finished: runs that came to their end; all numbers below are of these.
      wanted: seeds of the study.
      diverged: (seed, step) of runs that did not.
      images, updates: the budget of a run.
      scores: name -> spread; names that no finished run has are absent.
      noise_scale: player -> spread.
      seconds, images_per_second: spreads; None where nothing finished.
    """

    variant: str
    finished: int
    wanted: int
    diverged: list[tuple[int, int]]
    images: int
    updates: int
    scores: dict[str, Spread]
    noise_scale: dict[str, Spread]
    seconds: Spread | None
    images_per_second: Spread | None


def spread(values: Sequence[float]) -> Spread | None:
    """Mean and standard deviation; None of nothing."""
    if not values:
        return None
    deviation = statistics.stdev(values) if len(values) > 1 else None
    return Spread(statistics.fmean(values), deviation, len(values))


def _spreads(found: Sequence[Mapping[str, float]]) -> dict[str, Spread]:
    names = dict.fromkeys(name for values in found for name in values)
    made = {name: spread([values[name] for values in found if name in values]) for name in names}
    return {name: value for name, value in made.items() if value is not None}


def rows(study: Study, configs: Mapping[str, ConfigDict], results: Sequence[Result]) -> dict[str, Row]:
    """Variant -> its row, of the results that are there.

    Raises:
      UserError: where finished runs lack a score that the study names, with those that they have.
    """
    made = {}
    for variant, config in configs.items():
        of = [r for r in results if r.variant == variant and r.seed in study.seeds]
        ended = [r for r in of if r.status == FINISHED]
        for result in ended:
            missing = [name for name in study.scores if name not in result.scores]
            if missing:
                have = ", ".join(sorted(result.scores)) or "none: set evaluation.metrics or evaluation.tstr"
                raise UserError(
                    f"study {study.name!r} names the score {missing[0]!r}, which variant {variant!r} does not have; "
                    f"its scores are {have}"
                )
        made[variant] = Row(
            variant=variant,
            finished=len(ended),
            wanted=len(study.seeds),
            diverged=[(r.seed, r.step) for r in of if r.status == DIVERGED],
            images=config.training.steps * config.data.batch_size,
            updates=config.training.steps,
            scores=_spreads([r.scores for r in ended]),
            noise_scale=_spreads([r.noise_scale for r in ended]),
            seconds=spread([r.seconds for r in ended]),
            images_per_second=spread([r.images_per_second for r in ended if r.images_per_second is not None]),
        )
    return made


def shown(found: Spread | None) -> str:
    """'mean ± deviation', rounded to the deviation's second digit; '-' of nothing."""
    if found is None:
        return "-"
    if found.deviation is None:
        return f"{found.mean:.4g}"
    digits = 3 if found.deviation == 0 else max(0, 1 - _exponent(found.deviation))
    return f"{found.mean:,.{digits}f} ± {found.deviation:,.{digits}f}"


def _exponent(number: float) -> int:
    return int(f"{number:e}".split("e")[1])


def _figure(given: float | tuple[float, float] | None) -> str:
    if given is None:
        return "-"
    return f"{given[0]:g} ± {given[1]:g}" if isinstance(given, tuple) else f"{given:g}"


def _cell(config: ConfigDict, key: str, variant: str) -> str:
    found: Any = value(config, key, variant=variant)
    if isinstance(found, bool):
        return "yes" if found else "no"
    if found is None or found == 0.0:
        return "no" if found is None else "0"
    return f"{found:g}" if isinstance(found, float) else str(found)


def _state(row: Row) -> str:
    """Runs that count, and what became of the others."""
    text = f"{row.finished} of {row.wanted}"
    if row.diverged:
        text += "; " + ", ".join(f"seed {seed} diverged at step {step:,}" for seed, step in row.diverged)
    return text


def markdown(study: Study, configs: Mapping[str, ConfigDict], results: Sequence[Result]) -> str:
    """The tables, one a group, as Markdown: a row a variant.

    Raises:
      UserError: as :func:`rows`.
    """
    found = rows(study, configs, results)
    players = list(dict.fromkeys(player for row in found.values() for player in row.noise_scale))
    published = list(dict.fromkeys(name for figures in study.references.values() for name in figures))
    heads = ["", *study.columns, "images", "updates", "runs"]
    scores = [*study.scores, *study.some_scores]
    heads += [name.removeprefix("eval/") for name in scores] + [f"{p} noise scale" for p in players]
    heads += ["seconds", "images/s", *(f"published {name}" for name in published)]
    lines = [f"# {study.title}", ""]
    for heading, variants in study.tables().items():
        if study.groups:
            lines += [f"## {heading}", ""]
        lines += ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
        for variant in variants:
            row, config = found[variant], configs[variant]
            cells = [study.labels.get(variant, variant)]
            cells += [_cell(config, key, variant) for key in study.columns.values()]
            cells += [f"{row.images:,}", f"{row.updates:,}", _state(row)]
            cells += [shown(row.scores.get(name)) for name in scores]
            cells += [shown(row.noise_scale.get(player)) for player in players]
            cells += [shown(row.seconds), shown(row.images_per_second)]
            cells += [_figure(study.references.get(variant, {}).get(name)) for name in published]
            lines.append("| " + " | ".join(cells) + " |")
        lines.append("")
    lines += [
        f"Mean ± sample standard deviation over seeds {', '.join(map(str, study.seeds))}, of the runs that finished. "
        "Seconds are wall time of a run, compilation and scores included; images/s are of training alone."
    ]
    if (together := max((r.members for r in results), default=1)) > 1:
        lines += [
            f"Up to {together} runs were trained together as one program: their seconds are those of all of them, "
            "their images/s a run's share."
        ]
    if players:
        lines += [
            "Noise scales (arXiv:1812.06162) are in images, of the last quarter of training: the mean of tr(Sigma) "
            "over the mean of |G|^2."
        ]
    return "\n".join([*lines, *study.notes]) + "\n"
