"""Config keys: the type, bounds and choices of every key of every recipe, and the check of a config.

A pattern of :data:`KEYS` is a key's dotted name, in which '*' stands for one part: 'optimizer.*.b1' is of every
player. The tables lie in a file a kind of recipe: keys_common.py, keys_gan.py, keys_translation.py, keys_likelihood.py,
keys_distillation.py. A recipe's own keys, which no pattern names, are its own to check.
"""

import fnmatch
from collections.abc import Iterator, Mapping
from typing import Any

import jax
from ml_collections import ConfigDict

from jaxgan.experiment.key import Key
from jaxgan.experiment.keys_common import COMMON
from jaxgan.experiment.keys_distillation import STUDENTS
from jaxgan.experiment.keys_gan import ADVERSARIAL
from jaxgan.experiment.keys_likelihood import (
    AUTOENCODER,
    CODEBOOKS,
    ENCODERS,
    PATCHES,
    PIXELS,
    PRIORS,
    RELAXED,
    TEXTS,
    TOKENS,
)
from jaxgan.experiment.keys_translation import TRANSLATION
from jaxgan.training.errors import UserError

KEYS: dict[str, Key] = COMMON | ADVERSARIAL


def table_of(config: ConfigDict | Mapping[str, Any]) -> dict[str, Key]:
    """The rules of a config's keys: of the sections of every recipe, and of its own kind's."""
    if "networks" in config:
        return KEYS
    if "translation" in config or "domains" in config:
        return COMMON | TRANSLATION
    if "student" in config:
        return COMMON | STUDENTS
    if "first" in config:
        return COMMON | (TOKENS if "prefix" in config else TEXTS if "text" in config else PRIORS)
    if "text_encoder" in config:
        return COMMON | ENCODERS
    if "network" in config:
        return COMMON | PIXELS
    if "relaxation" in config:
        return COMMON | RELAXED
    if "autoencoder" in config:
        return COMMON | (PATCHES if "discriminator" in config else CODEBOOKS)
    return COMMON | AUTOENCODER if "decoder" in config else COMMON


def find_key(name: str, table: Mapping[str, Key] = KEYS) -> Key | None:
    """The rule of 'section.key'; None where the table has none, and the recipe itself checks it.

    Args:
      name: dotted.
      table: the rules, by pattern; another kind of recipe's section of the same name is its own.
    """
    if name in table:
        return table[name]
    matches = (key for pattern, key in table.items() if "*" in pattern and fnmatch.fnmatchcase(name, pattern))
    return next(matches, None)


def flat(config: ConfigDict | Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted name, value) of every key, in order."""
    for name, value in config.items():
        if isinstance(value, ConfigDict | Mapping):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def check_config(config: ConfigDict) -> None:
    """Refuses values that no run could mean: of another type, out of bounds, or that contradict each other.

    What only the data, the networks or the devices can tell is checked where these are built.

    Raises:
      UserError: naming the first such key, what was given and what is accepted.
    """
    table = table_of(config)
    for name, value in flat(config):
        key = find_key(name, table)
        # Within a program, such as one of many members, numbers are arguments whose values nobody knows yet.
        traced = isinstance(value, jax.Array)
        problem = None if key is None or traced else key.problem(value)
        if problem:
            raise UserError(f"config.{name}={_shown(value)}{problem}")
    if "networks" in config:
        _check_attention(config)


def _shown(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, int) and abs(value) >= 10**15 else repr(value)


def _check_attention(config: ConfigDict) -> None:
    """Refuses attention after maps of heights that an image's halvings do not have: it would be left out silently."""
    for net in ("generator", "discriminator"):
        section = config.get(net, {})
        heights = section.get("attention") or ()
        sides = (section.get("resolution", 0), *tuple(config.data.image_size)[:1])
        there = sorted({side >> halvings for side in sides for halvings in range(side.bit_length())})
        wrong = [height for height in heights if height not in there]
        if wrong:
            raise UserError(
                f"config.{net}.attention={tuple(heights)}: no map is {wrong[0]} high; give some of "
                f"{', '.join(map(str, there))}"
            )


def key_records(config: ConfigDict) -> list[dict[str, Any]]:
    """A record of each key of a config: ``key``, ``value``, what it ``accepts`` and its ``meaning``, in words; both are
    None of a recipe's own keys.
    """
    found = []
    for name, value in flat(config):
        key = find_key(name, table_of(config))
        words = (None, None) if key is None else (key.accepts(), key.meaning)
        found.append({"key": name, "value": value, "accepts": words[0], "meaning": words[1]})
    return found
