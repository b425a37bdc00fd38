"""Study: variants x seeds, and the columns of its table."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ml_collections import ConfigDict

from jaxgan import recipes
from jaxgan.experiment.config_file import load, override
from jaxgan.experiment.epochs import in_steps
from jaxgan.training.errors import UserError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.=-]*")


def variant(config: str, overrides: Mapping[str, Any] | None = None) -> ConfigDict:
    """The config called ``config`` ('biggan:digits16', 'biggan:cifar10,narrow', 'path.py:arg') with some keys changed.

    Args:
      config: as for ``jaxgan train --config``.
      overrides: 'section.key' -> value.

    Raises:
      UserError: on an unknown config or key, with those that exist.
    """
    loaded = load(config)
    for key, value in (overrides or {}).items():
        override(loaded, key, str(value))
    return in_steps(loaded)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Study:
    """A grid of trainings, as a study file's ``get_study(arg='')`` gives it.

    Attributes:
      name: for files and logs.
      title: of the table.
      variants: name -> config, in the table's order; a name such as 'biggan:digits16,smoke', or a config as
        :func:`variant` makes it. ``config.seed`` is set for each run.
      seeds: of every variant.
      scores: the columns of scores, as metrics.jsonl calls them: 'eval/tstr', 'eval/fd_efficientnet_lite0', ...
      some_scores: further columns, of scores that not every variant has.
      columns: heading -> config key ('data.batch_size') whose value is shown for each variant.
      groups: heading -> variants that are put side by side, in order: a table each, and points on one axis of the plot.
        A variant may be in several, and is trained once. One group with all of them by default.
      labels: variant -> its short name in tables and plots; itself by default.
      references: variant -> published figure -> value or (value, spread), such as {'FID': (9.54, 0.62)}, for the table
        and the plot.
      notes: sentences under the table: what was matched, which rule chose the learning rates, ...
    """

    name: str
    title: str
    variants: Mapping[str, ConfigDict | str]
    seeds: Sequence[int]
    scores: Sequence[str]
    columns: Mapping[str, str] = dataclasses.field(default_factory=dict)
    groups: Mapping[str, Sequence[str]] = dataclasses.field(default_factory=dict)
    labels: Mapping[str, str] = dataclasses.field(default_factory=dict)
    references: Mapping[str, Mapping[str, float | tuple[float, float]]] = dataclasses.field(default_factory=dict)
    notes: Sequence[str] = ()
    some_scores: Sequence[str] = ()

    def __post_init__(self) -> None:
        """Raises UserError on what contradicts itself; configs are looked at by :meth:`configs`."""
        if not self.variants:
            raise UserError(f"study {self.name!r} has no variants")
        for name in (self.name, *self.variants):
            if not _NAME.fullmatch(name):
                raise UserError(
                    f"study {self.name!r}: {name!r} cannot name a folder; use letters, digits, '_', '.', '=' and '-'"
                )
        seeds = list(self.seeds)
        if not seeds or len(set(seeds)) != len(seeds) or any(type(s) is not int or s < 0 for s in seeds):
            raise UserError(f"study {self.name!r}: seeds={seeds}; give whole numbers from 0, none twice, at least one")
        used = {"labels": [*self.labels], "references": [*self.references]}
        used |= {f"group {heading!r}": [*names] for heading, names in self.groups.items()}
        for where, names in used.items():
            for name in names:
                if name not in self.variants:
                    raise UserError(
                        f"study {self.name!r}: {where} names {name!r}, which is no variant; there are "
                        f"{', '.join(self.variants)}"
                    )

    def configs(self) -> dict[str, ConfigDict]:
        """Variant -> its config, each tried against its recipe: a mistake shows now rather than hours later.

        Raises:
          UserError: naming the variant, on an unknown config or key, or values that do not fit the recipe.
        """
        found = {}
        for name, given in self.variants.items():
            try:
                config = load(given) if isinstance(given, str) else given.copy_and_resolve_references()
                config = in_steps(config)
                recipes.build(config)
            except ValueError as error:
                raise UserError(f"study {self.name!r}, variant {name!r}: {error}") from error
            for key in self.columns.values():
                value(config, key, variant=name)
            found[name] = config
        return found

    def tables(self) -> dict[str, list[str]]:
        """Heading -> variants of its rows."""
        return {k: list(v) for k, v in self.groups.items()} or {self.title: list(self.variants)}

    def subset(self, names: Sequence[str] | None, seeds: Sequence[int] | None) -> "Study":
        """The study with only some variants, or other seeds.

        Raises:
          UserError: on a name that is no variant, with those that there are.
        """
        for name in names or ():
            if name not in self.variants:
                raise UserError(f"no variant {name!r} in study {self.name!r}; there are {', '.join(self.variants)}")
        kept = list(self.variants) if names is None else [v for v in self.variants if v in names]
        groups = {heading: [v for v in rows if v in kept] for heading, rows in self.groups.items()}
        return dataclasses.replace(
            self,
            variants={v: self.variants[v] for v in kept},
            seeds=self.seeds if seeds is None else tuple(seeds),
            groups={heading: rows for heading, rows in groups.items() if rows},
            labels={v: text for v, text in self.labels.items() if v in kept},
            references={v: figures for v, figures in self.references.items() if v in kept},
        )


def value(config: ConfigDict, key: str, *, variant: str) -> Any:
    """The value of 'section.key'.

    Raises:
      UserError: where ``variant``'s config has no such key.
    """
    found: Any = config
    for part in key.split("."):
        if not isinstance(found, ConfigDict) or part not in found:
            raise UserError(f"the config of variant {variant!r} has no key {key!r}, which a column of the study shows")
        found = found[part]
    return found
