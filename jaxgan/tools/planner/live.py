"""Peak live memory of a compiled program, followed along its schedule.

The compiler assigns buffers better than this does (it shares them, and reuses arguments); the split between kinds is
what is wanted of it, not the sum.
"""

from typing import NamedTuple

from jaxgan.tools.planner.hlo_text import Computation, Instruction, Module
from jaxgan.tools.planner.names import parse_name

# Their results are their operands' memory.
_SAME = frozenset(
    [
        "bitcast",
        "get-tuple-element",
        "tuple",
        "while",
        "conditional",
        "call",
        "optimization-barrier",
        "after-all",
        "copy-done",
        "async-done",
        "async-update",
        "dynamic-update-slice",
    ]
)
_NONE = frozenset(["parameter", "constant", "iota", "partition-id"])


class Peak(NamedTuple):
    """Bytes at the peak of the schedule, without arguments.

    Attributes:
      kept: made by a forward pass and still to be read by a backward pass.
      passing: the rest.
    """

    kept: int
    passing: int


def live_at_peak(module: Module) -> Peak:
    """The fullest moment of a scheduled program; loops are looked into, with what is held around them."""
    return _fullest(module, module.entry)


def _fullest(module: Module, computation: Computation) -> Peak:
    order = list(computation.instructions.values())
    at = {instruction.name: place for place, instruction in enumerate(order)}
    owners = _owners(computation)
    last = dict.fromkeys(at, -1)
    reader: dict[str, Instruction] = {}
    for instruction in order:
        for operand in instruction.operands:
            for owner in owners[operand]:
                if at[instruction.name] >= last[owner]:
                    last[owner], reader[owner] = at[instruction.name], instruction
    # Results outlive the computation, but take the place of donated arguments or of a loop's carried values.
    results = owners[computation.root.name]
    ends: dict[int, list[str]] = {}
    sizes: dict[str, int] = {}
    held = {True: 0, False: 0}
    kept_of: dict[str, bool] = {}
    best = Peak(0, 0)
    for place, instruction in enumerate(order):
        name = instruction.name
        inner = Peak(0, 0)
        for called in instruction.called() if instruction.opcode in ("while", "conditional", "call") else ():
            found = _fullest(module, module.computations[called])
            inner = max(inner, found, key=sum)
        if name in owners[name] and name not in results and last[name] > place:
            sizes[name] = sum(shape.laid_out_bytes for shape in instruction.shapes if shape.space == 0)
            kept_of[name] = _crosses(instruction, reader[name])
            held[kept_of[name]] += sizes[name]
            ends.setdefault(last[name], []).append(name)
        now = Peak(held[True] + inner.kept, held[False] + inner.passing)
        best = max(best, now, key=sum)
        for ended in ends.get(place, ()):
            held[kept_of[ended]] -= sizes[ended]
    return best


def _owners(computation: Computation) -> dict[str, frozenset[str]]:
    """For each instruction, those whose memory its result lies in."""
    owners: dict[str, frozenset[str]] = {}
    for name, instruction in computation.instructions.items():
        if instruction.opcode in _NONE:
            owners[name] = frozenset()
        elif instruction.opcode in _SAME and instruction.operands:
            through = instruction.operands[:1] if instruction.opcode == "dynamic-update-slice" else instruction.operands
            owners[name] = frozenset().union(*(owners[operand] for operand in through))
        else:
            owners[name] = frozenset([name])
    return owners


def _crosses(maker: Instruction, reader: Instruction) -> bool:
    """Whether a value goes from a forward pass to a backward one."""
    made, read = parse_name(maker.op_name), parse_name(reader.op_name)
    return bool(made.layer) and not made.backward and read.backward
