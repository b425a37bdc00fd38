"""Config sections as keyword arguments: a section's keys are the fields of its constructor."""

import dataclasses
import inspect
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxgan.training.errors import UserError

_LINEN_FIELDS = ("parent", "name")


def _plain(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float | str | tuple)


def defaults(cls: Any, *, exclude: Iterable[str] = ()) -> dict[str, Any]:
    """The fields of a dataclass that have plain defaults, as a section; dtypes become their names."""
    section = {}
    for field in dataclasses.fields(cls):
        if field.name in (*_LINEN_FIELDS, *exclude) or field.default is dataclasses.MISSING:
            continue
        if field.name.endswith("dtype"):
            section[field.name] = np.dtype(field.default).name
        elif _plain(field.default):
            section[field.name] = field.default
    return section


def construct(cls: Callable[..., Any], name: str, section: Mapping[str, Any], **given: Any) -> Any:
    """``cls(**section, **given)``, with dtypes by name.

    Raises:
      UserError: where the section has a key that the constructor lacks, with those that it has; on a dtype that there
        is not, or None where the field takes none.
    """
    fields = {f.name: f for f in dataclasses.fields(cls) if f.name not in (*_LINEN_FIELDS, *given)}  # type: ignore[arg-type]
    wrong = sorted(set(section) - set(fields))
    if wrong:
        raise UserError(f"config.{name} has no key {wrong[0]!r}; {cls.__name__} takes {', '.join(fields)}")
    values = {}
    for key, value in section.items():
        if value is None and not _takes_none(fields[key].type):
            raise UserError(f"config.{name}.{key}=None: {cls.__name__} takes no none there; give a value")
        if key.endswith("dtype") and value is not None:
            values[key] = _dtype(f"config.{name}.{key}", value)
        else:
            values[key] = tuple(value) if isinstance(value, list) else value
    return cls(**values, **given)


def _takes_none(annotation: Any) -> bool:
    """Whether a field's annotation has None in it; text, which says nothing here, counts as one that has."""
    if annotation is Any or isinstance(annotation, str):
        return True
    return annotation is None or (
        typing.get_origin(annotation) in (typing.Union, types.UnionType) and type(None) in typing.get_args(annotation)
    )


def _dtype(key: str, value: Any) -> np.dtype:
    try:
        return jnp.dtype(value)
    except TypeError as error:
        raise UserError(f"{key}={value!r} is no dtype; give one such as float32 or bfloat16") from error


def keywords(function: Callable[..., Any]) -> dict[str, Any]:
    """The keyword arguments of a function that have plain defaults, as a section."""
    parameters = inspect.signature(function).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not p.empty and _plain(p.default)}


def call(function: Callable[..., Any], name: str, section: Mapping[str, Any], **given: Any) -> Any:
    """``function(**section, **given)``.

    Raises:
      UserError: where the section has a key that the function lacks, with those that it has.
    """
    known = [key for key in inspect.signature(function).parameters if key not in given]
    wrong = sorted(set(section) - set(known))
    if wrong:
        raise UserError(f"config.{name} has no key {wrong[0]!r}; {function.__name__} takes {', '.join(known)}")
    return function(**section, **given)
