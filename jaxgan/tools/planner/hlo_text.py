"""Reads the text of a compiled XLA program: computations, instructions, shapes as they lie in memory.

The format is what ``compiled.as_text()`` prints; shapes, layouts and tiles are described in XLA's documentation
(openxla.org/xla/shapes and /xla/tiled_layout).
"""

import dataclasses
import functools
import math
import re

_BITS = {"pred": 8, "token": 0, "opaque": 0, "bf16": 16, "c64": 64, "c128": 128}
_SHAPE = re.compile(r"\b([a-z][a-z0-9]*)\[([\d,<=]*)\](?:\{([^{}]*)\})?")
_TILE = re.compile(r"T\(([\d,*]+)\)")
_SPACE = re.compile(r"S\((\d+)\)")
_INSTRUCTION = re.compile(r"^\s+(ROOT )?%?([\w.\-]+) = (.+?) ([a-z][\w\-]*)\((.*)$")
_COMPUTATION = re.compile(r"^(ENTRY )?%?([\w.\-]+)[ (].*\{$")
_OPERAND = re.compile(r"%([\w.\-]+)")
_OP_NAME = re.compile(r'metadata=\{[^}]*?op_name="((?:[^"\\]|\\.)*)"')


@dataclasses.dataclass(frozen=True)
class Shape:
    """One array as it lies in a device's memory.

    Attributes:
      dtype: XLA's name, such as 'f32'.
      dims: its sizes.
      padded: sizes, major to minor, after padding to whole tiles (TPU); ``dims`` in another order elsewhere.
      space: memory space: 0 is the device's main memory (HBM); on TPU, 1 is on-chip vector memory.
    """

    dtype: str
    dims: tuple[int, ...]
    padded: tuple[int, ...]
    space: int

    @property
    def elements(self) -> int:
        """Values, without padding."""
        return math.prod(self.dims)

    @property
    def size_bytes(self) -> int:
        """Bytes of the values, without padding."""
        return math.ceil(self.elements * bits(self.dtype) / 8)

    @property
    def laid_out_bytes(self) -> int:
        """Bytes that it takes in memory, padding included."""
        return math.ceil(math.prod(self.padded) * bits(self.dtype) / 8)


@dataclasses.dataclass(frozen=True)
class Instruction:
    """One line of a computation.

    Attributes:
      name: unique in its computation.
      opcode: such as 'fusion', 'convolution', 'all-reduce'.
      shapes: of its result; of a tuple, all its arrays in order.
      operands: names of its operands.
      inside: the text between its parentheses: a parameter's number, a constant's value.
      attributes: the text after them.
      root: whether it is its computation's result.
    """

    name: str
    opcode: str
    shapes: tuple[Shape, ...]
    operands: tuple[str, ...]
    inside: str
    attributes: str
    root: bool

    @property
    def op_name(self) -> str:
        """The name stack of the JAX operation that it came from; '' where the compiler made it up."""
        found = _OP_NAME.search(self.attributes)
        return found.group(1).replace("\\'", "'").replace('\\"', '"') if found else ""

    def attribute(self, key: str) -> str | None:
        """The text of ``key=text``, where text is a word or a balanced {...}."""
        found = re.search(rf"(?:^|[\s,]){re.escape(key)}=", self.attributes)
        if not found:
            return None
        return _word(self.attributes, found.end())

    def called(self) -> tuple[str, ...]:
        """Names of the computations that it runs, each once: calls, body, condition, branches (not ``to_apply``)."""
        names: list[str] = []
        for key in ("calls", "condition", "body", "true_computation", "false_computation", "branch_computations"):
            text = self.attribute(key)
            if text:
                names += [part.strip().lstrip("%") for part in text.strip("{}").split(",")]
        return tuple(names)


@dataclasses.dataclass(frozen=True)
class Computation:
    """Instructions by name, in the order in which they are printed (that of execution, where scheduled)."""

    name: str
    instructions: dict[str, Instruction]

    @functools.cached_property
    def root(self) -> Instruction:
        """Its result."""
        return next(i for i in self.instructions.values() if i.root)

    @functools.cached_property
    def parameters(self) -> tuple[Instruction, ...]:
        """Its parameters, by number."""
        found = [i for i in self.instructions.values() if i.opcode == "parameter"]
        return tuple(sorted(found, key=lambda i: int(i.inside)))

    @functools.cached_property
    def users(self) -> dict[str, tuple[Instruction, ...]]:
        """The instructions that read each one."""
        users: dict[str, list[Instruction]] = {name: [] for name in self.instructions}
        for instruction in self.instructions.values():
            for operand in dict.fromkeys(instruction.operands):
                users[operand].append(instruction)
        return {name: tuple(found) for name, found in users.items()}


@dataclasses.dataclass(frozen=True)
class Module:
    """A program: its computations, and the one that is run."""

    computations: dict[str, Computation]
    entry: Computation


def bits(dtype: str) -> int:
    """Bits of one value.

    Raises:
      ValueError: on a type whose name does not say.
    """
    if dtype in _BITS:
        return _BITS[dtype]
    found = re.match(r"[a-z]+(\d+)", dtype)
    if not found:
        raise ValueError(f"unknown type {dtype!r} in the compiled program")
    return int(found.group(1))


def _word(text: str, start: int) -> str:
    """The word, or the balanced {...}, that begins at ``start``."""
    if text[start : start + 1] != "{":
        end = re.compile(r"[,\s]|$").search(text, start)
        return text[start : end.start() if end else None]
    depth = 0
    for index in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[index], 0)
        if depth == 0:
            return text[start : index + 1]
    return text[start:]


@functools.lru_cache(maxsize=100_000)
def parse_shapes(text: str) -> tuple[Shape, ...]:
    """The arrays of a type, in order, such as ``f32[8,32]{1,0:T(8,128)S(1)}`` or a tuple of such."""
    return tuple(_shape(*found.groups()) for found in _SHAPE.finditer(text))


def _shape(dtype: str, sizes: str, layout: str | None) -> Shape:
    dims = tuple(int(size.lstrip("<=")) for size in sizes.split(",") if size)
    order, _, rest = (layout or "").partition(":")
    minor_to_major = [int(d) for d in order.split(",") if d] or list(range(len(dims)))[::-1]
    physical = [dims[d] for d in reversed(minor_to_major)]
    found = _TILE.search(rest)
    if found:
        # '*' joins a dimension to the next: rare, and then no padding is known.
        tile = [int(t) for t in found.group(1).split(",") if t != "*"] if "*" not in found.group(1) else []
        physical = [1] * (len(tile) - len(physical)) + physical
        for place in range(1, len(tile) + 1):
            physical[-place] = -(-physical[-place] // tile[-place]) * tile[-place]
    space = _SPACE.search(rest)
    return Shape(dtype, dims, tuple(physical), int(space.group(1)) if space else 0)


def _operands(text: str) -> tuple[str, str]:
    """Splits what follows an opcode's '(' at its ')'."""
    end = text.find(")")
    if "(" in text[:end]:  # typed operands have tiles with parentheses of their own
        depth, end = 1, 0
        while depth:
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            end += 1
        end -= 1
    return text[:end], text[end + 1 :]


def parse(text: str) -> Module:
    """Parses ``compiled.as_text()``.

    Raises:
      ValueError: where the text holds no ENTRY computation.
    """
    computations: dict[str, Computation] = {}
    instructions: dict[str, Instruction] = {}
    entry, name = None, ""
    for line in text.splitlines():
        if not line.startswith((" ", "}")):
            found = _COMPUTATION.match(line)
            if found and not line.startswith("HloModule"):
                name, instructions = found.group(2), {}
                entry = name if found.group(1) else entry
        elif line.startswith("}") and name:
            computations[name] = Computation(name, instructions)
            name = ""
        elif name and (found := _INSTRUCTION.match(line)):
            root, label, shape, opcode, rest = found.groups()
            inside, attributes = _operands(rest)
            operands = () if opcode in ("constant", "parameter") else tuple(_OPERAND.findall(inside))
            instructions[label] = Instruction(
                label, opcode, parse_shapes(shape), operands, inside, attributes, root is not None
            )
    if entry is None:
        raise ValueError("no ENTRY computation in the text; give what compiled.as_text() prints")
    return Module(computations, computations[entry])
