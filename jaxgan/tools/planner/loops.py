"""How often a compiled loop runs."""

import re

from jaxgan.tools.planner.hlo_text import Computation, Instruction, Module

_SAME = ("copy", "bitcast", "convert", "reshape", "copy-done", "optimization-barrier")


def trip_count(module: Module, computation: Computation, loop: Instruction) -> int | None:
    """Iterations of a ``while``: the compiler's own note, else what its condition compares against.

    A ``lax.scan`` or ``fori_loop`` with static bounds counts up by one to a constant; that is what is looked for.

    Args:
      module: the program.
      computation: where the loop stands.
      loop: the ``while`` instruction.

    Returns:
      None where neither says (a ``lax.while_loop`` on data).
    """
    noted = re.search(r'"known_trip_count":\{"n":"(\d+)"', loop.attributes)
    if noted:
        return int(noted.group(1))
    condition = module.computations[(loop.attribute("condition") or "").lstrip("%")]
    compared = _comparison(module, condition)
    if compared is None:
        return None
    direction, left, right = compared
    low, high = (_carried(computation, loop, condition, side) for side in (left, right))
    if direction == "GT":
        direction, low, high = "LT", high, low
    if direction != "LT" or low is None or high is None:
        return None
    return max(high - low, 0)


def _comparison(module: Module, condition: Computation) -> tuple[str, Instruction, Instruction] | None:
    """The condition's (direction, left, right), looked for through a fusion around it."""
    root = condition.root
    if root.opcode == "compare":
        left, right = (condition.instructions[name] for name in root.operands)
        return root.attribute("direction") or "", left, right
    if root.opcode in ("fusion", "call"):
        inner = module.computations[(root.attribute("calls") or root.attribute("to_apply") or "").lstrip("%")]
        if inner.root.opcode != "compare":
            return None
        sides = []
        for name in inner.root.operands:
            side = inner.instructions[name]
            if side.opcode == "parameter":
                side = condition.instructions[root.operands[int(side.inside)]]
            sides.append(side)
        return inner.root.attribute("direction") or "", sides[0], sides[1]
    return None


def _constant(computation: Computation, found: Instruction) -> int | None:
    while found.opcode in _SAME:
        found = computation.instructions[found.operands[0]]
    if found.opcode != "constant":
        return None
    value = found.inside.strip("{} ")
    return int(value) if re.fullmatch(r"-?\d+", value) else None


def _carried(computation: Computation, loop: Instruction, condition: Computation, side: Instruction) -> int | None:
    """A side's value before the first iteration: a constant, or the loop's initial value of what it reads."""
    while side.opcode in _SAME:
        side = condition.instructions[side.operands[0]]
    if side.opcode == "constant":
        return _constant(condition, side)
    if side.opcode != "get-tuple-element":
        return None
    initial = computation.instructions[loop.operands[0]]
    while initial.opcode in _SAME:
        initial = computation.instructions[initial.operands[0]]
    if initial.opcode != "tuple":
        return None
    return _constant(computation, computation.instructions[initial.operands[int(side.attribute("index") or 0)]])
