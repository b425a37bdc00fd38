"""Bytes that an instruction of a compiled program reads and writes."""

import dataclasses
from collections.abc import Iterable

from jaxgan.tools.planner.hlo_text import Computation, Instruction, Module, Shape

_SLICES = ("dynamic-slice", "slice", "gather")
_VIEWS = ("bitcast", "reshape", "copy", "convert", "transpose")


def bytes_moved(module: Module, computation: Computation, instruction: Instruction) -> tuple[int, int]:
    """(bytes, bytes of main memory) that an instruction reads and writes."""
    opcode = instruction.opcode
    if opcode.removesuffix("-start") == "copy" and opcode != "copy":
        source, target = computation.instructions[instruction.operands[0]].shapes[0], instruction.shapes[0]
        return _bytes([source, target])
    operands = [computation.instructions[name].shapes for name in instruction.operands]
    if opcode == "fusion":
        inner = module.computations[(instruction.attribute("calls") or "").lstrip("%")]
        return _fusion_moved(inner, instruction, operands)
    if opcode in ("dynamic-slice", "slice"):
        return _bytes(2 * instruction.shapes)
    if opcode == "gather":
        return _bytes((*2 * instruction.shapes, *operands[1]))
    if opcode == "dynamic-update-slice":
        return _bytes(2 * operands[1])
    if opcode.endswith("-start"):  # its result holds the operands again
        return _bytes(shape for shapes in operands for shape in 2 * shapes)
    return _bytes([*(shape for shapes in operands for shape in shapes), *instruction.shapes])


def _fusion_moved(inner: Computation, fusion: Instruction, operands: list[tuple[Shape, ...]]) -> tuple[int, int]:
    moved, in_hbm = 0, 0
    in_place = set()
    outputs = [inner.root]
    if inner.root.opcode == "tuple":
        outputs = [inner.instructions[name] for name in inner.root.operands]
    for output, shape in zip(outputs, fusion.shapes):
        written = _behind_views(inner, output)
        if written.opcode == "dynamic-update-slice":
            target = _behind_views(inner, inner.instructions[written.operands[0]])
            if target.opcode == "parameter":
                in_place.add(target.name)
                shape = _like(inner.instructions[written.operands[1]].shapes[0], shape)
        more, hbm = _bytes([shape])
        moved, in_hbm = moved + more, in_hbm + hbm
    for parameter, shapes in zip(inner.parameters, operands):
        read = () if parameter.name in in_place else _read(inner, parameter, shapes)
        more, hbm = _bytes(read)
        moved, in_hbm = moved + more, in_hbm + hbm
    return moved, in_hbm


def _bytes(shapes: Iterable[Shape]) -> tuple[int, int]:
    """(bytes, bytes in main memory with padding)."""
    every = list(shapes)
    return sum(s.size_bytes for s in every), sum(s.laid_out_bytes for s in every if s.space == 0)


def _like(part: Shape, whole: Shape) -> Shape:
    """A part of an array that lies where the whole lies."""
    return dataclasses.replace(part, space=whole.space)


def _behind_views(inner: Computation, instruction: Instruction) -> Instruction:
    while instruction.opcode in _VIEWS:
        instruction = inner.instructions[instruction.operands[0]]
    return instruction


def _read(inner: Computation, parameter: Instruction, shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
    """The parts of one operand that a fusion reads: slices, where nothing else in the fusion uses it."""
    slices: list[Shape] = []
    waiting = [parameter.name]
    while waiting:
        name = waiting.pop()
        for user in inner.users[name]:
            if user.opcode == "bitcast":
                waiting.append(user.name)
            elif user.opcode in _SLICES and user.operands[0] == name and name not in user.operands[1:]:
                slices.append(_like(user.shapes[0], shapes[0]))
            else:
                return shapes
    whole = sum(shape.size_bytes for shape in shapes)
    return tuple(slices) if sum(shape.size_bytes for shape in slices) < whole else shapes
