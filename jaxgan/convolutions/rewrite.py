"""A program's convolutions, found and given other forms.

It works on what has been traced: a forward convolution and those of its gradients are equations of their own there, and
each gets a form of its own, whatever layer it came from.
"""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
from jax import Array
from jax.extend import core

from jaxgan.convolutions.convolution import Convolution, convolution_of
from jaxgan.convolutions.forms import convolve

Chosen = Mapping[Convolution, str]
Choose = Callable[[Mapping[Convolution, int]], Chosen]


def convolutions_in(jaxpr: Any) -> dict[Convolution, int]:
    """The distinct convolutions of a (closed) jaxpr with how often each stands in it, those in loops once."""
    counts: dict[Convolution, int] = {}
    for eqn in _equations(jaxpr):
        asked = convolution_of(eqn)
        if asked is not None:
            counts[asked] = counts.get(asked, 0) + 1
    return counts


@dataclasses.dataclass(frozen=True)
class WithForms:
    """A function with its convolutions in chosen forms: a value, equal to another one of equal parts, so that
    ``jax.jit`` compiles once for both.

    Attributes:
      function: of trees of arrays. Differentiate it before: the convolutions of gradients have forms of their own.
      choose: called once a trace, while nothing is traced, with the distinct convolutions and how often each stands in
        the program; gives their forms, XLA's for those that it leaves out.
    """

    function: Callable[..., Any]
    choose: Choose

    @property
    def __name__(self) -> str:
        return getattr(self.function, "__name__", type(self.function).__name__)

    def __call__(self, *args: Any) -> Any:
        """The values of ``function``, to rounding."""
        closed, shapes = jax.make_jaxpr(self.function, return_shape=True)(*args)
        found = convolutions_in(closed)
        chosen: Chosen = {}
        if found:
            with jax.ensure_compile_time_eval():
                chosen = {asked: form for asked, form in self.choose(found).items() if form != "xla"}
        leaves = core.jaxpr_as_fun(in_forms(closed, chosen))(*jax.tree.leaves(args))
        return jax.tree.unflatten(jax.tree.structure(shapes), leaves)


def in_forms(jaxpr: Any, chosen: Chosen) -> Any:
    """A (closed) jaxpr whose convolutions have the forms that were chosen for them; the same one where none has."""
    # Newer versions of JAX have one class for both, which is its own inner one.
    if getattr(jaxpr, "jaxpr", jaxpr) is not jaxpr:
        inner = in_forms(jaxpr.jaxpr, chosen)
        return jaxpr if inner is jaxpr.jaxpr else jaxpr.replace(jaxpr=inner)
    eqns = [_in_form(eqn, chosen) for eqn in jaxpr.eqns]
    same = all(new is old for new, old in zip(eqns, jaxpr.eqns))
    return jaxpr if same else jaxpr.replace(eqns=eqns)


def _in_form(eqn: Any, chosen: Chosen) -> Any:
    asked = convolution_of(eqn)
    if asked is not None:
        return _call(asked, chosen[asked], eqn) if asked in chosen else eqn
    params = {name: _replaced(value, chosen) for name, value in eqn.params.items()}
    same = all(params[name] is value for name, value in eqn.params.items())
    return eqn if same else eqn.replace(params=params)


def _replaced(value: Any, chosen: Chosen) -> Any:
    """A parameter of an equation, its jaxprs rewritten."""
    if isinstance(value, core.Jaxpr | core.ClosedJaxpr):
        return in_forms(value, chosen)
    if isinstance(value, tuple | list):
        made = [_replaced(item, chosen) for item in value]
        return value if all(new is old for new, old in zip(made, value)) else type(value)(made)
    return value


def _call(asked: Convolution, form: str, eqn: Any) -> Any:
    """The equation that calls a form, for the variables of ``eqn``."""

    def convolution(lhs: Array, rhs: Array) -> Array:
        return convolve(lhs, rhs, asked, form=form)

    convolution.__name__ = f"convolution_by_{form.replace('+', '_')}"
    shapes = [jax.ShapeDtypeStruct(shape, asked.dtype) for shape in (asked.lhs, asked.rhs)]
    (call,) = jax.make_jaxpr(jax.jit(convolution))(*shapes).eqns
    return call.replace(invars=eqn.invars, outvars=eqn.outvars, source_info=eqn.source_info)


def _equations(jaxpr: Any) -> Iterator[Any]:
    for eqn in getattr(jaxpr, "jaxpr", jaxpr).eqns:
        yield eqn
        for inner in inner_jaxprs(eqn):
            yield from _equations(inner)


def inner_jaxprs(eqn: Any) -> Iterator[Any]:
    """The jaxprs among an equation's parameters, in order."""
    for value in eqn.params.values():
        for item in value if isinstance(value, tuple | list) else (value,):
            if isinstance(item, core.Jaxpr | core.ClosedJaxpr):
                yield item
