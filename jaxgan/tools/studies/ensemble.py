"""Ensembles of runs: which runs of a study can share one vmapped program, and the experiment that they make up."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
from etils import epath
from ml_collections import ConfigDict

from jaxgan import recipes
from jaxgan.tools.studies.ensemble_method import stacked_experiment
from jaxgan.tools.studies.swept_scalar import untraceable
from jaxgan.training.errors import UserError
from jaxgan.training.method import Experiment
from jaxgan.training.step import make_stage_step
from jaxgan.training.workdir import config_text

# The sections whose floats may differ between the members of a program.
_SECTIONS = ("method", "optimizer", "regularizers", "augment", "heads")


class Member(NamedTuple):
    """A run of an ensemble: its variant, seed and config."""

    variant: str
    seed: int
    config: ConfigDict

    @property
    def name(self) -> str:
        """For metrics and logs."""
        return f"{self.variant}.seed{self.seed}"


def sweepable_floats(config: ConfigDict) -> dict[str, float]:
    """'section.key' -> value, of the floats that may differ between members of one program.

    They are those of method, optimisers, regularizers, augmentations and heads, except zeros, which mostly mean a
    program without something.
    """
    found = {}

    def walk(name: str, value: Any) -> None:
        if isinstance(value, ConfigDict):
            for key in value:
                walk(f"{name}.{key}", value[key])
        elif isinstance(value, float) and value != 0.0:
            found[name] = value

    for section in _SECTIONS:
        if section in config:
            walk(section, config[section])
    return found


def with_values(config: ConfigDict, values: Mapping[str, Any]) -> ConfigDict:
    """A copy with the values of some keys replaced, whatever their types."""
    copy = config.copy_and_resolve_references()
    for key, value in values.items():
        *path, last = key.split(".")
        section = copy
        for part in path:
            section = section[part]
        with section.ignore_type():
            section[last] = value
    return copy


def shape_of(config: ConfigDict) -> str:
    """The part of a config that runs of one program share: all of it except its seed and :func:`sweepable_floats`."""
    blank = with_values(config, dict.fromkeys(sweepable_floats(config), "a number"))
    blank.seed = 0
    return config_text(json.loads(blank.to_json()))


def group_members(members: Sequence[Member], *, most: int | None = None) -> list[list[Member]]:
    """The members in groups that may share a program, in the order of their first ones.

    Args:
      members: of a study.
      most: members of a group, at the most; None for no limit.

    Raises:
      UserError: where ``most`` is less than 1.
    """
    if most is not None and most < 1:
        raise UserError(f"max_members={most}: give the number of runs that share a program, at least 1")
    shapes: dict[str, list[Member]] = {}
    for member in members:
        shapes.setdefault(shape_of(member.config), []).append(member)
    size = most or len(members)
    return [found[i : i + size] for found in shapes.values() for i in range(0, len(found), size)]


def group_folder(workdir: epath.PathLike, members: Sequence[Member]) -> epath.Path:
    """Where a group trains: ``workdir/<variants, joined by '+'>/vmap-seeds<0-7>``."""
    variants = list(dict.fromkeys(member.variant for member in members))
    seeds = sorted({member.seed for member in members})
    whole = "+".join(variants)
    if len(whole) > 80:
        whole = f"{variants[0]}+{len(variants) - 1}-{hashlib.sha256(whole.encode()).hexdigest()[:8]}"
    if seeds == list(range(seeds[0], seeds[-1] + 1)) and len(seeds) > 1:
        numbers = f"{seeds[0]}-{seeds[-1]}"
    else:
        numbers = ",".join(map(str, seeds))
    return epath.Path(workdir) / whole / f"vmap-seeds{numbers}"


def differing(members: Sequence[Member]) -> dict[str, tuple[float, ...]]:
    """Config key -> the members' values, of the numbers that are not the same in all."""
    each = [sweepable_floats(member.config) for member in members]
    found = {key: tuple(numbers[key] for numbers in each) for key in each[0]}
    return {key: values for key, values in found.items() if len(set(values)) > 1}


def _failure(experiment: Experiment) -> Exception | None:
    """Traces a fresh state and a step of every stage, and computes nothing; what went wrong, or None."""
    try:
        key, state = jax.eval_shape(lambda: jax.random.key(0)), experiment.shapes()
        for stage in experiment.stages:
            jax.eval_shape(make_stage_step(stage._replace(ema=None)), state, stage.batch, key)
    except Exception as error:  # what code does with a number that it did not expect has no common type
        return error
    return None


def ensemble_experiment(members: Sequence[Member]) -> Experiment:
    """The members as one experiment, tried by tracing where their numbers differ.

    Raises:
      UserError: naming the key, where the recipe cannot be traced with another number in every member.
    """
    experiments = [recipes.build(member.config) for member in members]
    names, seeds = [member.name for member in members], [member.config.seed for member in members]

    def rebuild(given: Mapping[str, Any]) -> Experiment:
        return recipes.build(with_values(members[0].config, given))

    def made(numbers: Mapping[str, tuple[float, ...]], plain: frozenset[str]) -> Experiment:
        return stacked_experiment(experiments, names=names, seeds=seeds, numbers=numbers, rebuild=rebuild, plain=plain)

    numbers = differing(members)
    if not numbers:
        return made({}, frozenset())
    whole = made(numbers, frozenset())
    if _failure(whole) is None:
        return whole
    plain = set()
    for key, values in numbers.items():
        if (first := _failure(made({key: values}, frozenset()))) is None:
            continue
        if _failure(made({key: values}, frozenset([key]))) is not None:
            if isinstance(first, UserError):
                raise first
            raise untraceable(key, str(first).splitlines()[0][:200]) from first
        plain.add(key)
    whole = made(numbers, frozenset(plain))
    if (last := _failure(whole)) is not None:
        raise untraceable(" and config.".join(numbers), str(last).splitlines()[0][:200]) from last
    return whole
