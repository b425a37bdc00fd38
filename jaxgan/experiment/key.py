"""Rule of one config key: its type, bounds and choices, in words and as a check."""

import dataclasses
import difflib
import math
from collections.abc import Callable
from typing import Any

# The largest number of a step, an image or a unit: what an int32 holds.
MOST = 2**31 - 1
# Sizes past which a number is a slip of the keyboard: nothing here comes within a thousandth of them.
MOST_UNITS, MOST_SIDE, MOST_IMAGES = 2**20, 2**16, 10**8
# numpy and the data's order take seeds of 32 bits, and scores add up to 3 to theirs.
MOST_SEED = 2**32 - 4
DTYPES = ("float32", "bfloat16", "float16")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Key:
    """Type, bounds and choices of a config key.

    Attributes:
      meaning: one line for the reader of ``jaxgan describe --keys``.
      kinds: of 'whole', 'number', 'flag', 'text', 'wholes', 'numbers' and 'chain'; a value fits where it is of one of
        them. 'wholes' and 'numbers' are tuples, to whose entries the bounds apply; numbers are finite; a 'chain' is a
        tuple of anything, which ``check`` reads.
      low, high: bounds, both allowed.
      above, below: bounds that are not allowed themselves.
      choices: the words that a text may be; None for any.
      counts: the numbers of entries that a tuple may have; None for any.
      none: whether None is allowed.
      check: raises ValueError, whose message says what is accepted, on a value that is of the right kind and still no
        good; not called with None.
      form: what ``check`` accepts, in words.
    """

    meaning: str
    kinds: tuple[str, ...]
    low: float | None = None
    high: float | None = None
    above: float | None = None
    below: float | None = None
    choices: tuple[str, ...] | None = None
    counts: tuple[int, ...] | None = None
    none: bool = False
    check: Callable[[Any], Any] | None = None
    form: str = ""

    def accepts(self) -> str:
        """The accepted values in words: 'a whole number from 1 to 1,000, or none'."""
        words = [_WORDS[kind](self) for kind in self.kinds]
        return ", or ".join([*words, *(["none"] if self.none else [])])

    def problem(self, value: Any) -> str | None:
        """The end of a sentence that names a refused value: why it is refused, and what is accepted. None where it is
        accepted.
        """
        if value is None and self.none:
            return None
        if not any(_FITS[kind](self, value) for kind in self.kinds):
            near = difflib.get_close_matches(str(value), self.choices or (), 1)
            return f"; did you mean {near[0]}? Give {self.accepts()}" if near else f": give {self.accepts()}"
        if self.check is None:
            return None
        try:
            self.check(value)
        except ValueError as error:
            return f": {error}"
        return None

    def read(self, value: Any, text: str) -> Any:
        """``value``, read from ``text`` without knowledge of the key, as the key takes it: 1e3 of a whole number is
        1000, 3 of a number 3.0, and a text stays a text, whatever it looks like.
        """
        if value is None or isinstance(value, bool):
            return value
        if self.kinds == ("text",):
            return text
        if isinstance(value, float) and "whole" in self.kinds and "number" not in self.kinds and value.is_integer():
            return int(value)
        if isinstance(value, int) and "number" in self.kinds and "whole" not in self.kinds:
            return float(value)
        return value


def whole(meaning: str, low: int = 0, high: int = MOST, **more: Any) -> Key:
    """A whole number from ``low`` to ``high``."""
    return Key(meaning=meaning, kinds=("whole",), low=low, high=high, **more)


def number(meaning: str, **bounds: Any) -> Key:
    """A finite number."""
    return Key(meaning=meaning, kinds=("number",), **bounds)


def weight(meaning: str) -> Key:
    """The weight of a term: a number, 0 or more."""
    return number(meaning, low=0)


def share(meaning: str, **more: Any) -> Key:
    """A number from 0 to 1."""
    return number(meaning, **({"low": 0, "high": 1} | more))


def flag(meaning: str, **more: Any) -> Key:
    """True or false."""
    return Key(meaning=meaning, kinds=("flag",), **more)


def text(meaning: str, **more: Any) -> Key:
    """Any text."""
    return Key(meaning=meaning, kinds=("text",), **more)


def choice(meaning: str, *choices: str, **more: Any) -> Key:
    """One of some words."""
    return Key(meaning=meaning, kinds=("text",), choices=choices, **more)


def wholes(meaning: str, low: int = 1, high: int = MOST, **more: Any) -> Key:
    """A tuple of whole numbers."""
    return Key(meaning=meaning, kinds=("wholes",), low=low, high=high, **more)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _within(key: Key, value: float) -> bool:
    return (
        (key.low is None or value >= key.low)
        and (key.high is None or value <= key.high)
        and (key.above is None or value > key.above)
        and (key.below is None or value < key.below)
    )


def _entries(key: Key, value: Any, fits: Callable[[Any], bool]) -> bool:
    if not isinstance(value, tuple | list) or not (key.counts is None or len(value) in key.counts):
        return False
    return all(fits(entry) and _within(key, entry) for entry in value)


_FITS: dict[str, Callable[[Key, Any], bool]] = {
    "whole": lambda key, value: _is_whole(value) and _within(key, value),
    "number": lambda key, value: _is_number(value) and _within(key, value),
    "flag": lambda key, value: isinstance(value, bool),
    "text": lambda key, value: isinstance(value, str) and (key.choices is None or value in key.choices),
    "wholes": lambda key, value: _entries(key, value, _is_whole),
    "numbers": lambda key, value: _entries(key, value, _is_number),
    "chain": lambda key, value: isinstance(value, tuple | list),
}


def _bounds(key: Key) -> str:
    low = f" from {key.low:,}" if key.low is not None else f" above {key.above:,}" if key.above is not None else ""
    high = f" to {key.high:,}" if key.high is not None else f" below {key.below:,}" if key.below is not None else ""
    return f"{low}{' and' if key.below is not None and low else ''}{high}"


def _several(what: str) -> Callable[[Key], str]:
    def words(key: Key) -> str:
        count = "" if key.counts is None else f"{' or '.join(map(str, key.counts))} "
        form = f", {key.form}" if key.form else ""
        return f"{count}{what}{_bounds(key)}, such as (4, 4){form}"

    return words


def _of_text(key: Key) -> str:
    if key.choices is not None:
        return "one of " + ", ".join(word or "'' (nothing)" for word in key.choices)
    return key.form or "a text"


_WORDS: dict[str, Callable[[Key], str]] = {
    "whole": lambda key: f"a whole number{_bounds(key)}",
    "number": lambda key: f"a number{_bounds(key)}",
    "flag": lambda key: "true or false",
    "text": _of_text,
    "wholes": _several("whole numbers"),
    "numbers": _several("numbers"),
    "chain": lambda key: key.form or "a tuple",
}
