"""Costs of a compiled program, instruction by instruction: FLOPs, bytes and collectives, with loops multiplied out.

The compiler's own ``cost_analysis`` counts the body of a loop once. Here each instruction that runs gets a record with
the number of times that it runs, so that anything may be summed and grouped: by layer, by cause, by kind.

How bytes are counted: an instruction reads its operands and writes its result, once each; what happens inside a fusion
moves nothing. Where only a slice of an operand is read, or of a result written, the slice counts. ``hbm_bytes`` leaves
out what lies in on-chip memory and adds the padding of tiled layouts, where the compiler says so (TPU).
"""

import collections
import dataclasses
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from jaxgan.tools.planner.groups import groups_text
from jaxgan.tools.planner.hlo_arithmetic import product_flops, product_type, vector_flops
from jaxgan.tools.planner.hlo_text import Computation, Instruction, Module, parse
from jaxgan.tools.planner.hlo_traffic import bytes_moved
from jaxgan.tools.planner.loops import trip_count

COLLECTIVES = ("all-reduce", "all-gather", "reduce-scatter", "all-to-all", "collective-permute", "collective-broadcast")

_FREE = frozenset(
    [
        "parameter",
        "constant",
        "tuple",
        "get-tuple-element",
        "bitcast",
        "after-all",
        "partition-id",
        "replica-id",
        "while",
        "conditional",
        "call",
        "optimization-barrier",
        "copy-done",
        "async-done",
        "async-update",
        "add-dependency",
        "domain",
        "send-done",
        "recv-done",
    ]
)


@dataclasses.dataclass(frozen=True)
class CollectiveOp:
    """One collective operation of a program: data that devices send one another.

    Attributes:
      kind: one of ``COLLECTIVES``.
      bytes: of the whole operand of a device, or of its whole result where that is larger (all-gather), each time.
      groups: the text of its groups of devices.
      op_name: the JAX operation that it came from.
      channel: the text of its channel, empty where it has none.
    """

    kind: str
    bytes: int
    groups: str
    op_name: str
    channel: str = ""


@dataclasses.dataclass(frozen=True)
class Cost:
    """One instruction that runs, on one device; all figures are of one execution.

    Attributes:
      name: the instruction's.
      computation: where it stands.
      opcode: such as 'fusion'.
      op_name: the JAX name stack of what it does; for a fusion, of the convolution or product inside it, if any; for a
        copy that the compiler added, of the operation that it serves.
      times: executions in one call of the program.
      flops: of convolutions and matrix products, two for a multiply-add, padding not counted.
      flops_by_type: the same, by type: 'bf16', 'f32', ...; 'f32_high' and 'f32_highest' where higher precision than
        the default is asked for.
      vector_flops: of elementwise arithmetic and reductions, one for each value.
      bytes: read and written, wherever that is.
      hbm_bytes: read from and written to main memory, padding included.
      cycles: the compiler's own estimate, where it prints one (TPU); 0 elsewhere.
      collectives: those that it makes.
    """

    name: str
    computation: str
    opcode: str
    op_name: str
    times: int
    flops: int
    flops_by_type: tuple[tuple[str, int], ...]
    vector_flops: int
    bytes: int
    hbm_bytes: int
    cycles: int
    collectives: tuple[CollectiveOp, ...]


@dataclasses.dataclass(frozen=True)
class Program:
    """A program, counted.

    Attributes:
      module: its text, parsed.
      costs: an entry for each instruction that runs.
      loops: (name, iterations) of its loops; None where the text does not say, and the body is counted once.
      conditionals: names of its conditionals, of which the costliest branch is counted.
    """

    module: Module
    costs: tuple[Cost, ...]
    loops: tuple[tuple[str, int | None], ...]
    conditionals: tuple[str, ...]

    def total(self, field: str) -> int:
        """The sum of a figure of :class:`Cost` over all executions."""
        return sum(getattr(cost, field) * cost.times for cost in self.costs)

    def flops_by_type(self) -> dict[str, int]:
        """FLOPs of all executions, by type."""
        sums: collections.Counter[str] = collections.Counter()
        for cost in self.costs:
            for dtype, flops in cost.flops_by_type:
                sums[dtype] += flops * cost.times
        return dict(sums)

    def grouped(self, field: str, key: Callable[[Cost], str]) -> dict[str, int]:
        """Sums of a figure by a key of the instruction, largest first."""
        sums: collections.Counter[str] = collections.Counter()
        for cost in self.costs:
            sums[key(cost)] += getattr(cost, field) * cost.times
        return {name: value for name, value in sums.most_common() if value}


def analyse(text: str) -> Program:
    """Counts ``compiled.as_text()``.

    Raises:
      ValueError: where the text is no compiled program.
    """
    counter = _Counter(parse(text))
    costs = tuple(_each_collective_once(counter.run(counter.module.entry, 1)))
    return Program(counter.module, costs, tuple(counter.loops.items()), tuple(counter.conditionals))


def _each_collective_once(costs: list[Cost]) -> Iterator[Cost]:
    """TPU programs hide a collective behind several fusions, each of which names it whole: its channel says that it is
    one.
    """
    seen: set[str] = set()
    for cost in costs:
        new = tuple(c for c in cost.collectives if not c.channel or c.channel not in seen)
        seen |= {c.channel for c in new}
        yield dataclasses.replace(cost, collectives=new)


class _Work(NamedTuple):
    """FLOPs of products by type, those of vectors, the name of the largest product, and collectives."""

    products: dict[str, int]
    vector_flops: int
    op_name: str
    collectives: tuple[CollectiveOp, ...]


class _Counter:
    """Walks the computations that run."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.loops: dict[str, int | None] = {}
        self.conditionals: list[str] = []
        self._inner: dict[str, _Work] = {}

    def run(self, computation: Computation, times: int) -> list[Cost]:
        """Costs of a computation that is executed ``times``."""
        costs: list[Cost] = []
        for instruction in computation.instructions.values():
            called = [self.module.computations[name] for name in instruction.called()]
            if instruction.opcode == "while":
                count = trip_count(self.module, computation, instruction)
                self.loops[instruction.name] = count
                for body in called:
                    costs += self.run(body, times * (1 if count is None else count))
            elif instruction.opcode == "conditional":
                self.conditionals.append(instruction.name)
                branches = [self.run(branch, times) for branch in called]
                costs += max(branches, key=lambda found: sum(c.bytes + c.flops for c in found), default=[])
            elif instruction.opcode in ("call", "async-start"):
                applied = (instruction.attribute("to_apply") or "").lstrip("%")
                for inner in called or [self.module.computations[applied]]:
                    costs += self.run(inner, times)
            elif instruction.opcode not in _FREE and not instruction.opcode.endswith("-done"):
                costs.append(self._cost(computation, instruction, times))
        return costs

    def _cost(self, computation: Computation, instruction: Instruction, times: int) -> Cost:
        work = self._work(computation, instruction)
        moved, in_hbm = bytes_moved(self.module, computation, instruction)
        cycles = re.search(r'"estimated_cycles":"(\d+)"', instruction.attributes)
        return Cost(
            name=instruction.name,
            computation=computation.name,
            opcode=instruction.opcode,
            op_name=work.op_name or instruction.op_name or _neighbour(computation, instruction),
            times=times,
            flops=sum(work.products.values()),
            flops_by_type=tuple(work.products.items()),
            vector_flops=work.vector_flops,
            bytes=moved,
            hbm_bytes=in_hbm,
            cycles=int(cycles.group(1)) if cycles else 0,
            collectives=work.collectives,
        )

    def _work(self, computation: Computation, instruction: Instruction) -> "_Work":
        opcode = instruction.opcode
        if opcode in ("convolution", "dot"):
            shapes = [computation.instructions[name].shapes[0] for name in instruction.operands[:2]]
            flops = product_flops(instruction, shapes[0], shapes[1])
            return _Work({product_type(instruction, shapes): flops}, 0, instruction.op_name, ())
        kind = opcode.removesuffix("-start")
        if kind in COLLECTIVES:
            operands = sum(s.size_bytes for o in instruction.operands for s in computation.instructions[o].shapes)
            results = sum(s.size_bytes for s in instruction.shapes)
            if opcode.endswith("-start") and kind != "all-reduce":
                results -= operands  # the result of a start holds the operands too
            groups = groups_text(instruction.attributes) or ""
            channel = instruction.attribute("channel_id") or ""
            made = CollectiveOp(kind, max(operands, results), groups, instruction.op_name, channel)
            return _Work({}, 0, "", (made,))
        if opcode == "fusion":
            inner = self.module.computations[(instruction.attribute("calls") or "").lstrip("%")]
            if inner.name not in self._inner:
                self._inner[inner.name] = self._inside(inner)
            return self._inner[inner.name]
        return _Work({}, vector_flops(computation, instruction), "", ())

    def _inside(self, inner: Computation) -> "_Work":
        products: collections.Counter[str] = collections.Counter()
        vector_flops, largest, op_name = 0, 0, ""
        collectives: list[CollectiveOp] = []
        for instruction in inner.instructions.values():
            work = self._work(inner, instruction)
            products.update(work.products)
            vector_flops += work.vector_flops
            collectives += work.collectives
            if (flops := sum(work.products.values())) > largest and work.op_name:
                largest, op_name = flops, work.op_name
        return _Work(dict(products), vector_flops, op_name, tuple(collectives))


def _neighbour(computation: Computation, instruction: Instruction) -> str:
    """A name for what the compiler added, such as a copy: of what reads it, where it brings data in from main memory;
    else of what made the data.
    """
    onward = any(shape.space != 0 for shape in instruction.shapes[:1])
    return _seek(computation, instruction, onward=onward) or _seek(computation, instruction, onward=not onward)


def _seek(computation: Computation, instruction: Instruction, *, onward: bool) -> str:
    for _ in range(4):
        if onward:
            users = computation.users[instruction.name]
            if not users:
                return ""
            instruction = users[0]
        else:
            if not instruction.operands:
                return ""
            instruction = computation.instructions[instruction.operands[0]]
        if instruction.op_name:
            return instruction.op_name
    return ""
