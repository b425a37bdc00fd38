"""SweptScalar: a float of a config that differs between the members of one vmapped program."""

import operator
from collections.abc import Callable, Sequence
from typing import Any

from jax import Array

from jaxgan.training.errors import UserError


def _traced(fn: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Array]:
    def forward(self: "SweptScalar", other: Any) -> Array:
        return fn(self.traced, other.traced if isinstance(other, SweptScalar) else other)

    return forward


def _reflected(fn: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Array]:
    def backward(self: "SweptScalar", other: Any) -> Array:
        return fn(other, self.traced)

    return backward


def _asked(fn: Callable[[float, Any], bool]) -> Callable[[Any, Any], bool]:
    def answer(self: "SweptScalar", other: Any) -> bool:
        if isinstance(other, SweptScalar):
            return self.agreed(zip(self.values, other.values), lambda pair: fn(*pair))
        return self.agreed(self.values, lambda value: fn(value, other))

    return answer


class SweptScalar:
    """Takes the place of a config's float, inside the function that is mapped over members.

    Arithmetic gives the member's own traced value. What decides how the program looks (``if weight:``, ``weight > 0``)
    is asked of all members' values, and must have one answer.

    Attributes:
      key: of the config, for messages.
      values: of all members.
      traced: this member's, [] float32, weakly typed as Python's floats are.
    """

    def __init__(self, key: str, values: Sequence[float], traced: Array):
        self.key, self.values, self.traced = key, tuple(values), traced

    def agreed(self, asked: Any, fn: Callable[[Any], bool]) -> bool:
        """The one answer of all members.

        Raises:
          UserError: where they differ.
        """
        answers = {bool(fn(value)) for value in asked}
        if len(answers) > 1:
            raise untraceable(self.key, f"its values {', '.join(map(str, self.values))} take different programs")
        return answers.pop()

    def __bool__(self) -> bool:
        return self.agreed(self.values, bool)

    def __float__(self) -> float:
        raise untraceable(self.key, "the recipe needs its value before the program is compiled")

    __int__ = __float__
    __index__ = __float__

    def __jax_array__(self) -> Array:
        return self.traced

    def __neg__(self) -> Array:
        return -self.traced

    def __abs__(self) -> Array:
        return abs(self.traced)

    __hash__ = object.__hash__

    __add__, __radd__ = _traced(operator.add), _reflected(operator.add)
    __sub__, __rsub__ = _traced(operator.sub), _reflected(operator.sub)
    __mul__, __rmul__ = _traced(operator.mul), _reflected(operator.mul)
    __truediv__, __rtruediv__ = _traced(operator.truediv), _reflected(operator.truediv)
    __pow__, __rpow__ = _traced(operator.pow), _reflected(operator.pow)
    __lt__, __le__ = _asked(operator.lt), _asked(operator.le)
    __gt__, __ge__ = _asked(operator.gt), _asked(operator.ge)
    __eq__, __ne__ = _asked(operator.eq), _asked(operator.ne)  # type: ignore[assignment]


def untraceable(key: str, why: str) -> UserError:
    """The error where members cannot differ in ``key``."""
    return UserError(f"config.{key} cannot differ between runs of one program: {why}; run the study without --vmap")
