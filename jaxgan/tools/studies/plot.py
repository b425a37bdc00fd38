"""A study's results as a picture: every run, mean and spread, next to published figures."""

import importlib.util
from collections.abc import Mapping, Sequence
from typing import Any

from etils import epath
from ml_collections import ConfigDict

from jaxgan.tools.studies.results import FINISHED, Result
from jaxgan.tools.studies.study import Study
from jaxgan.tools.studies.table import rows
from jaxgan.training.errors import UserError


def require_plots() -> None:
    """Raises UserError where matplotlib is missing."""
    if importlib.util.find_spec("matplotlib") is None:
        raise UserError("the plot needs matplotlib: pip install jaxgan[plots], or pass --no_plot")


def draw(study: Study, configs: Mapping[str, ConfigDict], results: Sequence[Result], out: epath.PathLike) -> None:
    """Writes a PNG: a panel a score, with a colour a group, then a panel a published figure, over the same variants.

    Dots are runs, bars one standard deviation to either side of the mean. Variants that are in no finished run have a
    gap; runs that diverged are counted above it.
    """
    require_plots()
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    groups = study.tables()
    published = list(dict.fromkeys(name for figures in study.references.values() for name in figures))
    panels = len(study.scores) + len(published)
    columns = min(panels, 2)
    lines = -(-panels // columns)
    width = max(len(variants) for variants in groups.values())
    figure, grid = pyplot.subplots(
        lines, columns, figsize=(max(4.0, 0.62 * width + 1.2) * columns, 3.1 * lines), squeeze=False
    )
    axes = list(grid.flat)
    found = rows(study, configs, results)
    for axis, name in zip(axes, study.scores):
        for number, (heading, variants) in enumerate(groups.items()):
            shift = 0.22 * (number - (len(groups) - 1) / 2)
            runs = [
                (i + shift, r.scores[name])
                for i, variant in enumerate(variants)
                for r in results
                if r.variant == variant and r.status == FINISHED and r.seed in study.seeds
            ]
            axis.plot([x for x, _ in runs], [y for _, y in runs], ".", color=f"C{number}", alpha=0.45, markersize=5)
            spreads = [(i + shift, found[v].scores[name]) for i, v in enumerate(variants) if name in found[v].scores]
            axis.errorbar(
                [x for x, _ in spreads],
                [s.mean for _, s in spreads],
                yerr=[s.deviation or 0.0 for _, s in spreads],
                fmt="_",
                color=f"C{number}",
                capsize=3,
                label=heading,
            )
            for i, variant in enumerate(variants):
                if found[variant].diverged:
                    text = f"{len(found[variant].diverged)} div."
                    place = axis.get_xaxis_transform()
                    axis.text(i + shift, 0.97, text, transform=place, ha="center", va="top", fontsize=6, rotation=90)
        axis.set_title(f"here: {name.removeprefix('eval/')}", fontsize=9)
        if study.groups:
            axis.legend(fontsize=7)
    labelled = next(iter(groups.values()))
    for axis, name in zip(axes[len(study.scores) :], published):
        _published(axis, study, labelled, name)
    for axis in axes[:panels]:
        axis.set_xticks(range(len(labelled)), [study.labels.get(v, v) for v in labelled], fontsize=6.5, rotation=40)
        for label in axis.get_xticklabels():
            label.set_horizontalalignment("right")
        axis.grid(axis="y", alpha=0.3)
    for axis in axes[panels:]:
        axis.set_axis_off()
    figure.tight_layout()
    with epath.Path(out).open("wb") as file:
        figure.savefig(file, dpi=120, format="png")
    pyplot.close(figure)


def _published(axis: Any, study: Study, variants: Sequence[str], name: str) -> None:
    """One published figure, over the variants of the first group."""
    given = [(i, study.references.get(variant, {}).get(name)) for i, variant in enumerate(variants)]
    points = [(i, *(f if isinstance(f, tuple) else (f, 0.0))) for i, f in given if f is not None]
    axis.errorbar(
        [i for i, *_ in points],
        [m for _, m, _ in points],
        yerr=[s for *_, s in points],
        fmt="ks",
        markersize=4,
        capsize=3,
    )
    axis.set_title(f"published: {name}", fontsize=9)
