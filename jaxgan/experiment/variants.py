"""Variants of a config by argument: ``wgan_gp:grid25``, ``biggan:imagenet128,table1=8``, ``dcgan:mnist,smoke``.

A config file says its variants as a mapping of functions. A function's keyword arguments are what the variant takes: a
flag is a ``bool`` that is False by default, a key is annotated with the values that it may have::

    def cifar10(narrow: bool = False) -> ConfigDict: ...

    def imagenet128(table1: Literal[1, 2, 3] = 3) -> ConfigDict: ...

    VARIANTS = {"cifar10": cifar10, "imagenet128": imagenet128}

    def get_config(arg: str = "") -> ConfigDict:
        return choose(arg, VARIANTS, name="biggan", tiny=biggan.tiny)
"""

import difflib
import inspect
import typing
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from jaxgan.training.errors import UserError

SMOKE = "smoke"

Variants = Mapping[str, Callable[..., ConfigDict]]


class Options(NamedTuple):
    """Options of a variant.

    Attributes:
      flags: words that are given or not.
      keys: key -> the values that it may have.
    """

    flags: tuple[str, ...]
    keys: dict[str, tuple[Any, ...]]

    def __str__(self) -> str:
        keys = [f"{key}={'|'.join(map(str, values))}" for key, values in self.keys.items()]
        return "".join(f"[,{word}]" for word in (*self.flags, *keys))


def options_of(make: Callable[..., ConfigDict]) -> Options:
    """The flags and keys of a variant, from its function's keyword arguments.

    Raises:
      TypeError: where an argument is neither a flag nor a key.
    """
    flags, keys = [], {}
    for name, parameter in inspect.signature(make, eval_str=True).parameters.items():
        if parameter.default is False:
            flags.append(name)
        elif typing.get_origin(parameter.annotation) is typing.Literal:
            keys[name] = typing.get_args(parameter.annotation)
        else:
            raise TypeError(f"{make}: {name} must be a bool that is False by default, or a Literal of its values")
    return Options(tuple(flags), keys)


def describe_variants(variants: Variants) -> str:
    """'digits16, cifar10[,narrow], imagenet128[,table1=1|2|3], each also with smoke'."""
    return ", ".join(f"{name}{options_of(make)}" for name, make in variants.items()) + f", each also with {SMOKE}"


def choose(arg: str, variants: Variants, *, name: str, tiny: Callable[[ConfigDict], ConfigDict]) -> ConfigDict:
    """The config of the variant that an argument names, with its flags and keys; the first one where it names none.

    Args:
      arg: words joined by commas, in any order: a variant, its flags and ``key=value``, and 'smoke'.
      variants: name -> function; see the module.
      name: of the config, for messages.
      tiny: makes the smoke form of a config, for 'smoke'.

    Raises:
      UserError: on a variant, flag, key or value that there is not, or one that is repeated or contradicts another;
        with those there are.
    """
    words = [word.strip() for word in arg.split(",") if word.strip()]
    named = [word for word in words if word in variants]
    if len(named) > 1:
        raise UserError(f"{name}:{arg} names {len(named)} variants, {' and '.join(named)}: give one")
    chosen = named[0] if named else next(iter(variants))
    options, given, smoke = options_of(variants[chosen]), {}, False
    for word in words:
        key, equals, value = word.partition("=")
        if words.count(word) > 1 or key in given:
            raise UserError(f"{name}:{arg} gives {key!r} twice: give it once")
        if word == chosen:
            continue
        if word == SMOKE:
            smoke = True
        elif word in options.flags:
            given[word] = True
        elif key in options.keys and equals:
            given[key] = _value(name, arg, key, value, options.keys[key])
        else:
            raise UserError(f"{name}:{arg}: {_refusal(word, chosen, variants, name)}")
    config = variants[chosen](**given)
    return tiny(config) if smoke else config


def _value(name: str, arg: str, key: str, text: str, values: tuple[Any, ...]) -> Any:
    for value in values:
        if str(value) == text:
            return value
    raise UserError(f"{name}:{arg}: {key}={text}; choose from {', '.join(map(str, values))}")


def _refusal(word: str, chosen: str, variants: Variants, name: str) -> str:
    """Why a word is none of the variant's, and what there is."""
    key, equals, _ = word.partition("=")
    options = {variant: options_of(make) for variant, make in variants.items()}
    flags = (*options[chosen].flags, SMOKE)
    if equals and (key in flags or key in variants):
        return f"{key} takes no value: give {key} alone"
    if key in options[chosen].keys:
        return f"{key} needs a value: {key}={'|'.join(map(str, options[chosen].keys[key]))}"
    owners = [variant for variant, takes in options.items() if key in takes.flags or key in takes.keys]
    if owners:
        return f"{key} is of {name}:{' and '.join(owners)}, not of {chosen}"
    known = [*variants, *flags, *options[chosen].keys]
    near = difflib.get_close_matches(key, known, 1)
    hint = f" Did you mean {near[0]}?" if near else ""
    return f"no variant, flag or key {key!r}.{hint} There are: {describe_variants(variants)}"
