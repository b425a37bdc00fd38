"""What a compiled program does, instruction by instruction: FLOPs, bytes and collectives, with loops multiplied out.

The compiler's own ``cost_analysis`` counts the body of a loop once. Here each instruction that runs gets a record with
the number of times that it runs, so that anything may be summed and grouped: by layer, by cause, by kind.

How bytes are counted: an instruction reads its operands and writes its result, once each; what happens inside a fusion
moves nothing. Where only a slice of an operand is read, or of a result written, the slice counts. ``hbm_bytes`` leaves
out what lies in on-chip memory and adds the padding of tiled layouts, where the compiler says so (TPU).
"""

import collections
import dataclasses
import math
import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from jaxgan.planner.convolution import convolution_flops, valid_positions
from jaxgan.planner.groups import groups_text
from jaxgan.planner.hlo_text import Computation, Instruction, Module, Shape, bits, parse
from jaxgan.planner.loops import trip_count

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
_ARITHMETIC = frozenset(
    [
        "abs",
        "add",
        "and",
        "atan2",
        "cbrt",
        "ceil",
        "clamp",
        "compare",
        "cosine",
        "divide",
        "erf",
        "exponential",
        "exponential-minus-one",
        "floor",
        "log",
        "log-plus-one",
        "logistic",
        "maximum",
        "minimum",
        "multiply",
        "negate",
        "not",
        "or",
        "popcnt",
        "power",
        "remainder",
        "round-nearest-afz",
        "round-nearest-even",
        "rsqrt",
        "select",
        "shift-left",
        "shift-right-arithmetic",
        "shift-right-logical",
        "sign",
        "sine",
        "sqrt",
        "subtract",
        "tan",
        "tanh",
        "xor",
    ]
)
_SLICES = ("dynamic-slice", "slice", "gather")
_VIEWS = ("bitcast", "reshape", "copy", "convert", "transpose")


@dataclasses.dataclass(frozen=True)
class Collective:
    """One exchange between devices.

    Attributes:
      kind: one of ``COLLECTIVES``.
      bytes: of the whole operand of a device, or of its whole result where that is larger (all-gather), each time.
      groups: the text of its groups of devices.
      op_name: the JAX operation that it came from.
    """

    kind: str
    bytes: int
    groups: str
    op_name: str


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
      collectives: exchanges that it makes.
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
    collectives: tuple[Collective, ...]


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
    costs = tuple(counter.run(counter.module.entry, 1))
    return Program(counter.module, costs, tuple(counter.loops.items()), tuple(counter.conditionals))


def product_flops(instruction: Instruction, left: Shape, right: Shape) -> int:
    """FLOPs of a ``dot`` or ``convolution`` of two operands."""
    result = instruction.shapes[0]
    if instruction.opcode == "dot":
        contracted = _numbers(instruction.attribute("lhs_contracting_dims"))
        return 2 * result.elements * math.prod(left.dims[d] for d in contracted)
    of_input, of_kernel, of_output = _dimension_labels(instruction.attribute("dim_labels") or "")
    window = _window(instruction.attribute("window") or "", len(of_output) - 2)
    spatial = [
        valid_positions(
            left.dims[of_input[axis]],
            right.dims[of_kernel[axis]],
            result.dims[of_output[axis]],
            stride=window["stride"][int(axis)][0],
            low=window["pad"][int(axis)][0],
            base_dilation=window["lhs_dilate"][int(axis)][0],
            kernel_dilation=window["rhs_dilate"][int(axis)][0],
        )
        for axis in of_output
        if axis.isdigit()
    ]
    return convolution_flops(
        batch=left.dims[of_input["b"]],
        in_features=left.dims[of_input["f"]],
        out_features=result.dims[of_output["f"]],
        spatial=spatial,
        feature_groups=int(instruction.attribute("feature_group_count") or 1),
        batch_groups=int(instruction.attribute("batch_group_count") or 1),
    )


def _numbers(text: str | None) -> list[int]:
    return [int(n) for n in re.findall(r"\d+", text or "")]


def _dimension_labels(text: str) -> tuple[dict[str, int], dict[str, int], dict[str, int]]:
    of_input, rest = text.split("_")
    of_kernel, of_output = rest.split("->")
    one, two, three = ({label: place for place, label in enumerate(part)} for part in (of_input, of_kernel, of_output))
    return one, two, three


def _window(text: str, axes: int) -> dict[str, list[tuple[int, ...]]]:
    """A convolution's window by key; each has a tuple an axis."""
    window: dict[str, list[tuple[int, ...]]] = {"pad": [(0, 0)] * axes}
    for key in ("stride", "lhs_dilate", "rhs_dilate"):
        window[key] = [(1,)] * axes
    for part in text.strip("{}").split():
        key, _, value = part.partition("=")
        window[key] = [tuple(int(n) for n in axis.split("_")) for axis in value.split("x")]
    return window


def _bytes(shapes: Iterable[Shape]) -> tuple[int, int]:
    """(bytes, bytes in main memory with padding)."""
    every = list(shapes)
    return sum(s.size_bytes for s in every), sum(s.laid_out_bytes for s in every if s.space == 0)


class _Work(NamedTuple):
    """FLOPs of products by type, those of vectors, the name of the largest product, and exchanges."""

    products: dict[str, int]
    vector_flops: int
    op_name: str
    collectives: tuple[Collective, ...]


def _type_of(product: Instruction, operands: list[Shape]) -> str:
    """The type whose peak bounds a product: the wider of its operands', float32 with the precision asked for."""
    dtype = max((shape.dtype for shape in operands), key=bits)
    if dtype.startswith("f8"):
        return "fp8"
    if dtype in ("s8", "u8", "s4", "u4"):
        return "int8"
    if dtype != "f32":
        return dtype
    precision = product.attribute("operand_precision") or ""
    return "f32_highest" if "highest" in precision else "f32_high" if "high" in precision else "f32"


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
        moved, in_hbm = self._moved(computation, instruction)
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
            return _Work({_type_of(instruction, shapes): flops}, 0, instruction.op_name, ())
        kind = opcode.removesuffix("-start")
        if kind in COLLECTIVES:
            operands = sum(s.size_bytes for o in instruction.operands for s in computation.instructions[o].shapes)
            results = sum(s.size_bytes for s in instruction.shapes)
            if opcode.endswith("-start") and kind != "all-reduce":
                results -= operands  # the result of a start holds the operands too
            groups = groups_text(instruction.attributes) or ""
            return _Work({}, 0, "", (Collective(kind, max(operands, results), groups, instruction.op_name),))
        if opcode == "fusion":
            inner = self.module.computations[(instruction.attribute("calls") or "").lstrip("%")]
            if inner.name not in self._inner:
                self._inner[inner.name] = self._inside(inner)
            return self._inner[inner.name]
        return _Work({}, _vector_flops(computation, instruction), "", ())

    def _inside(self, inner: Computation) -> "_Work":
        products: collections.Counter[str] = collections.Counter()
        vector_flops, largest, op_name = 0, 0, ""
        collectives: list[Collective] = []
        for instruction in inner.instructions.values():
            work = self._work(inner, instruction)
            products.update(work.products)
            vector_flops += work.vector_flops
            collectives += work.collectives
            if (flops := sum(work.products.values())) > largest and work.op_name:
                largest, op_name = flops, work.op_name
        return _Work(dict(products), vector_flops, op_name, tuple(collectives))

    def _moved(self, computation: Computation, instruction: Instruction) -> tuple[int, int]:
        """(bytes, bytes of main memory) that an instruction reads and writes."""
        opcode = instruction.opcode
        if opcode.removesuffix("-start") == "copy" and opcode != "copy":
            source, target = computation.instructions[instruction.operands[0]].shapes[0], instruction.shapes[0]
            return _bytes([source, target])
        operands = [computation.instructions[name].shapes for name in instruction.operands]
        if opcode == "fusion":
            inner = self.module.computations[(instruction.attribute("calls") or "").lstrip("%")]
            return self._fusion_moved(inner, instruction, operands)
        if opcode in ("dynamic-slice", "slice"):
            return _bytes(2 * instruction.shapes)
        if opcode == "gather":
            return _bytes((*2 * instruction.shapes, *operands[1]))
        if opcode == "dynamic-update-slice":
            return _bytes(2 * operands[1])
        if opcode.endswith("-start"):  # its result holds the operands again
            return _bytes(shape for shapes in operands for shape in 2 * shapes)
        return _bytes([*(shape for shapes in operands for shape in shapes), *instruction.shapes])

    def _fusion_moved(
        self, inner: Computation, fusion: Instruction, operands: list[tuple[Shape, ...]]
    ) -> tuple[int, int]:
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


def _like(part: Shape, whole: Shape) -> Shape:
    """A part of an array that lies where the whole lies."""
    return dataclasses.replace(part, space=whole.space)


def _behind_views(inner: Computation, instruction: Instruction) -> Instruction:
    while instruction.opcode in _VIEWS:
        instruction = inner.instructions[instruction.operands[0]]
    return instruction


def _read(inner: Computation, parameter: Instruction, shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
    """What a fusion reads of one operand: slices of it, where nothing else in the fusion uses it."""
    slices: list[Shape] = []
    waiting = list(inner.users[parameter.name])
    while waiting:
        user = waiting.pop()
        if user.opcode == "bitcast":
            waiting += inner.users[user.name]
        elif (user.opcode in _SLICES and user.operands[0] != user.operands[-1]) or user.opcode == "slice":
            slices.append(_like(user.shapes[0], shapes[0]))
        else:
            return shapes
    if sum(s.size_bytes for s in slices) >= sum(s.size_bytes for s in shapes):
        return shapes
    return tuple(slices)


def _vector_flops(computation: Computation, instruction: Instruction) -> int:
    if instruction.opcode in _ARITHMETIC:
        return instruction.shapes[0].elements
    if instruction.opcode in ("reduce", "reduce-window", "select-and-scatter", "scatter"):
        source = computation.instructions[instruction.operands[0]].shapes[0].elements
        if instruction.opcode == "reduce":
            return source
        if instruction.opcode == "scatter":
            return computation.instructions[instruction.operands[-1]].shapes[0].elements
        window = _numbers((instruction.attribute("window") or "").split(" ")[0].split("=")[-1])
        return max(math.prod(window), 1) * min(source, instruction.shapes[0].elements)
    return 0
