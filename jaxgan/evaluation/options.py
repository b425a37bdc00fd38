"""Sampling options: what a method declares that sampling may set, read from text, checked, and split for compilation.

A method declares ``options``, a name -> :class:`jaxgan.training.method.Option`. Two names act on the latents before
the method sees them: 'truncation' and 'truncation_mode', of :func:`jaxgan.latent.draw_latents`. A method declares them
where its networks take N(0, I) latents as they are drawn; where latents are normalised or mapped to another
distribution truncation has no meaning, or no effect, and it does not.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from jaxgan.latent import draw_latents
from jaxgan.training.errors import UserError
from jaxgan.training.method import Method, Option

TRUNCATION, TRUNCATION_MODE = "truncation", "truncation_mode"
# The released BigGANs'.
DEFAULT_TRUNCATION_MODE = "scaled_truncated_normal"

Fixed = tuple[tuple[str, Any], ...]


def parse_options(method: Method, texts: Sequence[str]) -> dict[str, Any]:
    """Options from 'name=value' texts, each value as the type of the option's default.

    Raises:
      UserError: on a text of another form, an option that ``method`` does not declare, or a value of another type.
    """
    found: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UserError(f"--set={text}: write NAME=VALUE, such as --set psi=0.7")
        found[name] = _parsed(name, _declared(method, name), value)
    return found


def checked_options(method: Method, given: Mapping[str, Any]) -> dict[str, Any]:
    """Every option that ``method`` declares: ``given`` ones, and the defaults of the rest.

    A truncation without a mode is a 'scaled_truncated_normal'.

    Raises:
      UserError: on an option that is not declared, a value out of its bounds or choices, a truncation in mode 'none',
        or a mode without a truncation.
    """
    values = dict(given)
    for name, value in values.items():
        _check(name, _declared(method, name), value)
    if TRUNCATION in values and values.setdefault(TRUNCATION_MODE, DEFAULT_TRUNCATION_MODE) == "none":
        raise UserError(f"truncation={values[TRUNCATION]} needs a truncation_mode other than none")
    if values.get(TRUNCATION_MODE, "none") != "none" and TRUNCATION not in values:
        raise UserError(f"truncation_mode={values[TRUNCATION_MODE]} needs a truncation")
    found = {name: option.default for name, option in method.options.items()} | values
    if TRUNCATION in found:
        try:
            draw_latents(jax.random.key(0), (), mode=found[TRUNCATION_MODE], truncation=float(found[TRUNCATION]))
        except ValueError as error:
            raise UserError(str(error)) from error
    return found


def split_options(method: Method, options: Mapping[str, Any]) -> tuple[Fixed, dict[str, np.ndarray]]:
    """Checked options as ``(fixed, numbers)``: what is known when the sampler is compiled, hashable, and what is
    traced: float32, int32 or bool scalars.
    """
    fixed = [(name, value) for name, value in options.items() if method.options[name].choices is not None]
    numbers = {name: _number(value) for name, value in options.items() if method.options[name].choices is None}
    return tuple(sorted(fixed)), numbers


def options_stamp(options: Mapping[str, Any]) -> dict[str, Any]:
    """Stamp of checked options: the truncation, 'none' where there is none, and the rest by name."""
    others = {name: value for name, value in sorted(options.items()) if name not in (TRUNCATION, TRUNCATION_MODE)}
    return {
        "truncation_mode": options.get(TRUNCATION_MODE, "none"),
        "truncation": options.get(TRUNCATION, 1.0),
        **({"options": others} if others else {}),
    }


def _declared(method: Method, name: str) -> Option:
    if name in method.options:
        return method.options[name]
    there = ", ".join(sorted(method.options)) or "none"
    if name in (TRUNCATION, TRUNCATION_MODE):
        raise UserError(
            f"{name}: this run's latents are not used as they are drawn from N(0, I), so truncation has no meaning for "
            f"them; the options that sampling may set are: {there}"
        )
    raise UserError(f"no sampling option {name!r}; the options that sampling may set are: {there}")


def _parsed(name: str, option: Option, text: str) -> Any:
    if option.choices is not None:
        for choice in option.choices:
            if str(choice).lower() == text.lower():
                return choice
        raise UserError(f"{name}={text}: choose from {', '.join(map(str, option.choices))}")
    if isinstance(option.default, bool):
        if text.lower() not in ("true", "false"):
            raise UserError(f"{name}={text}: give true or false")
        return text.lower() == "true"
    try:
        return type(option.default)(text)
    except ValueError:
        kind = "a whole number" if isinstance(option.default, int) else "a number"
        raise UserError(f"{name}={text}: give {kind}, such as {option.default}") from None


def _check(name: str, option: Option, value: Any) -> None:
    if option.choices is not None:
        if value not in option.choices:
            raise UserError(f"{name}={value!r}: choose from {', '.join(map(str, option.choices))}")
        return
    # A comparison that a NaN fails too.
    low = -np.inf if option.low is None else option.low
    high = np.inf if option.high is None else option.high
    if not (low <= value <= high and np.isfinite(value)):
        finite = "" if np.isfinite(high) and np.isfinite(low) else ", and is finite"
        raise UserError(f"{name}={value}: it lies from {low:g} to {high:g}{finite}")


def _number(value: Any) -> np.ndarray:
    kind = np.bool_ if isinstance(value, bool) else np.int32 if isinstance(value, int) else np.float32
    return np.asarray(value, kind)
