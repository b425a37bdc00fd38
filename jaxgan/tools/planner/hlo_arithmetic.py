"""FLOPs of an instruction of a compiled program."""

import math
import re

from jaxgan.tools.planner.convolution import convolution_flops, valid_positions
from jaxgan.tools.planner.hlo_text import Computation, Instruction, Shape, bits

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


def product_type(product: Instruction, operands: list[Shape]) -> str:
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


def vector_flops(computation: Computation, instruction: Instruction) -> int:
    """FLOPs of elementwise arithmetic and of reductions: one for each value."""
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
