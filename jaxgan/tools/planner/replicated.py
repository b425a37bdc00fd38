"""Replicated work, the same on several devices: found by following which values differ between devices.

A value is the same on all devices along a mesh axis unless it comes from something that is split over that axis: a
split argument, or a device's own number. Collectives make values equal again. Work on values that are equal on k
devices could be shared by them, so 1 - 1/k of it is redundant.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jaxgan.tools.planner.groups import device_groups, groups_text, spanned_axes
from jaxgan.tools.planner.hlo import COLLECTIVES, Cost, Program
from jaxgan.tools.planner.hlo_text import Computation, Instruction, Module

# Mesh axes along which a value differs; a tuple of such for a tuple of values.
Varying = Any
REPLICATED: frozenset[str] = frozenset()


def flat(value: Varying) -> frozenset[str]:
    """The axes along which any part differs."""
    if isinstance(value, frozenset):
        return value
    return frozenset().union(*(flat(part) for part in value))


def _join(one: Varying, two: Varying) -> Varying:
    if isinstance(one, frozenset) and isinstance(two, frozenset):
        return one | two
    if isinstance(one, frozenset):
        return tuple(_join(one, part) for part in two)
    if isinstance(two, frozenset):
        return tuple(_join(part, two) for part in one)
    return tuple(_join(a, b) for a, b in zip(one, two, strict=True))


def varying_costs(
    program: Program, inputs: Sequence[frozenset[str]], mesh: Mapping[str, int]
) -> list[tuple[Cost, frozenset[str]]]:
    """Each instruction that runs, with the axes along which what it reads differs.

    Args:
      program: the compiled program.
      inputs: for each of the program's parameters, the axes that it is split over.
      mesh: axis -> size, in the order of the program's devices.
    """
    walk = _Walk(program.module, mesh)
    walk.run(program.module.entry, tuple(inputs))
    return [(cost, walk.read[cost.computation].get(cost.name, REPLICATED)) for cost in program.costs]


def replicated_share(
    costs: Sequence[tuple[Cost, frozenset[str]]], mesh: Mapping[str, int], weight: Callable[[Cost], float]
) -> float:
    """The part of the work, in [0, 1), that would go if nothing were done twice.

    Args:
      costs: of :func:`varying_costs`.
      mesh: axis -> size.
      weight: the work of one execution, such as its FLOPs or its seconds.
    """
    total = sum(weight(cost) * cost.times for cost, _ in costs)
    return sum(weight(cost) * cost.times * redundant(axes, mesh) for cost, axes in costs) / total if total else 0.0


def redundant(axes: frozenset[str], mesh: Mapping[str, int]) -> float:
    """1 - 1/k for work that is the same on k devices: those along the axes over which it does not differ."""
    copies = 1
    for name, size in mesh.items():
        copies *= 1 if name in axes else size
    return 1 - 1 / copies


class _Walk:
    """Follows values through a program."""

    def __init__(self, module: Module, mesh: Mapping[str, int]) -> None:
        self.module = module
        self.mesh = dict(mesh)
        self.devices = 1
        for size in mesh.values():
            self.devices *= size
        self.everywhere = frozenset(name for name, size in mesh.items() if size > 1)
        # Computation -> instruction -> what its operands differ along, over all the ways in which it is run.
        self.read: dict[str, dict[str, frozenset[str]]] = {}
        self._known: dict[tuple[str, tuple[Varying, ...]], Varying] = {}

    def run(self, computation: Computation, arguments: tuple[Varying, ...]) -> Varying:
        """The value of a computation for these arguments."""
        key = (computation.name, arguments)
        if key in self._known:
            return self._known[key]
        values: dict[str, Varying] = {}
        read = self.read.setdefault(computation.name, {})
        for name, instruction in computation.instructions.items():
            operands = [values[operand] for operand in instruction.operands]
            if instruction.opcode == "parameter":
                values[name] = arguments[int(instruction.inside)]
            else:
                values[name] = self._value(instruction, operands)
                read[name] = read.get(name, REPLICATED) | flat(tuple(operands))
        self._known[key] = values[computation.root.name]
        return self._known[key]

    def _value(self, instruction: Instruction, operands: list[Varying]) -> Varying:
        opcode = instruction.opcode
        called = [self.module.computations[name] for name in instruction.called()]
        if opcode in ("partition-id", "replica-id"):
            return self.everywhere
        if opcode == "tuple":
            return tuple(operands)
        if opcode == "get-tuple-element":
            whole = operands[0]
            return whole if isinstance(whole, frozenset) else whole[int(instruction.attribute("index") or 0)]
        if opcode == "while":
            return self._loop(instruction, operands[0])
        if opcode == "conditional":
            results = [self.run(branch, (argument,)) for branch, argument in zip(called, operands[1:])]
            joined = results[0]
            for result in results[1:]:
                joined = _join(joined, result)
            return _join(joined, flat(operands[0]))
        if opcode in ("fusion", "call", "async-start"):
            applied = called or [self.module.computations[(instruction.attribute("to_apply") or "").lstrip("%")]]
            return self.run(applied[0], tuple(operands))
        if opcode in ("copy-done", "optimization-barrier", "bitcast", "copy") or opcode.endswith("-done"):
            return operands[0] if opcode in ("optimization-barrier", "bitcast", "copy") else flat(operands[0])
        kind = opcode.removesuffix("-start")
        if kind in COLLECTIVES:
            return self._collective(kind, instruction, operands)
        return flat(tuple(operands)) if operands else REPLICATED

    def _loop(self, instruction: Instruction, initial: Varying) -> Varying:
        body, condition = (
            self.module.computations[(instruction.attribute(key) or "").lstrip("%")] for key in ("body", "condition")
        )
        carried = initial
        while True:  # ends: axes are only ever added
            after = _join(carried, self.run(body, (carried,)))
            if after == carried:
                self.run(condition, (carried,))
                return carried
            carried = after

    def _collective(self, kind: str, instruction: Instruction, operands: list[Varying]) -> Varying:
        axes = self._spanned(instruction)
        if kind in ("all-reduce", "all-gather", "collective-broadcast"):
            parts = tuple(flat(operand) - axes for operand in operands)
        else:
            parts = tuple(flat(operand) | axes for operand in operands)
        return parts[0] if len(parts) == 1 else parts

    def _spanned(self, instruction: Instruction) -> frozenset[str]:
        text = groups_text(instruction.attributes)
        return self.everywhere if text is None else spanned_axes(device_groups(text, self.devices), self.mesh)
