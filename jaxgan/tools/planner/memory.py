"""Device memory by kind: the state exactly; activations and temporaries from the compiler's peak."""

import collections
import re
from collections.abc import Iterable, Mapping, Sequence

from jaxgan.tools.planner.arguments import Argument, match
from jaxgan.tools.planner.hlo_text import Module

# (kind, regex on a leaf's path): the first that matches. The paths are those of the training state.
KINDS: Sequence[tuple[str, str]] = (
    ("parameters", r"nets/[^/]+/params/.*"),
    ("statistics and power iteration", r"nets/.*"),
    ("optimiser", r"opt/.*"),
    ("EMA", r"ema/.*"),
    ("frozen networks", r"frozen/.*"),
)
OTHER = "batch and other arguments"
ACTIVATIONS = "activations"
TEMPORARIES = "temporaries"
# Where the two cannot be separated.
BOTH = "activations and temporaries"


def kind_of_leaf(path: str) -> str:
    """The kind of a leaf, by its path such as ``nets/g/params/block_0/conv_0/kernel``."""
    return next((kind for kind, pattern in KINDS if re.fullmatch(pattern, path)), OTHER)


def argument_bytes(arguments: Iterable[Argument]) -> dict[str, int]:
    """Bytes of one device by kind, without padding."""
    sums: collections.Counter[str] = collections.Counter()
    for argument in arguments:
        sums[kind_of_leaf(argument.path)] += argument.bytes
    return in_order(sums)


def laid_out_argument_bytes(module: Module, arguments: Sequence[Argument]) -> dict[str, int]:
    """Bytes of one device by kind, as the compiled program lays its arguments out: padded to whole tiles on TPU.

    Raises:
      ValueError: where the program's arguments are others.
    """
    sums: collections.Counter[str] = collections.Counter()
    for parameter, argument in zip(module.entry.parameters, match(module, arguments)):
        sums[kind_of_leaf(argument.path)] += sum(shape.laid_out_bytes for shape in parameter.shapes)
    return in_order(sums)


def in_order(sums: Mapping[str, int]) -> dict[str, int]:
    """The kinds in the order of a report, those without bytes left out."""
    names = [*(kind for kind, _ in KINDS), OTHER, ACTIVATIONS, TEMPORARIES, BOTH]
    return {name: sums[name] for name in dict.fromkeys([*names, *sums]) if sums.get(name)}
