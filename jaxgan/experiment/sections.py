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
        is not, or a value of another type than the field's.
    """
    fields = {f.name: f for f in dataclasses.fields(cls) if f.name not in (*_LINEN_FIELDS, *given)}  # type: ignore[arg-type]
    wrong = sorted(set(section) - set(fields))
    if wrong:
        raise UserError(f"config.{name} has no key {wrong[0]!r}; {cls.__name__} takes {', '.join(fields)}")
    values: dict[str, Any] = {}
    for key, value in section.items():
        value = tuple(value) if isinstance(value, list) else value
        if not _takes(fields[key].type, value):
            kind = fields[key].type
            kind = kind.__name__ if isinstance(kind, type) and typing.get_origin(kind) is None else kind
            raise UserError(f"config.{name}.{key}={value!r}: {cls.__name__} takes {kind} there")
        values[key] = _dtype(f"config.{name}.{key}", value) if key.endswith("dtype") and value is not None else value
    return cls(**values, **given)


def _takes(annotation: Any, value: Any) -> bool:
    """Whether a field that is annotated so takes a plain value; an annotation of other things takes anything."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return any(_takes(part, value) for part in typing.get_args(annotation))
    kind = typing.get_origin(annotation) or annotation
    if kind in (None, type(None)):
        return value is None
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, kind) if kind in (bool, str, tuple) else True


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
