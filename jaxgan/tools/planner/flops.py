"""FLOPs of a program's convolutions and matrix products, counted from its trace: exact, before any compiler.

Loops are multiplied out; of a conditional the costliest branch counts, as an upper bound. Products with padding are not
counted, as XLA does not. Elementwise arithmetic is left out: on accelerators it is bound by memory.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from jaxgan.convolutions.rewrite import inner_jaxprs
from jaxgan.tools.planner.convolution import convolution_flops, valid_positions
from jaxgan.tools.planner.names import layer_of, pass_of

_TYPES = {"bfloat16": "bf16", "float16": "f16", "float32": "f32", "float64": "f64", "int8": "int8", "uint8": "int8"}


class Product(NamedTuple):
    """One convolution or matrix product.

    Attributes:
      op_name: its name stack and primitive, as in compiled programs.
      times: executions in one call.
      flops: of one execution, over the whole batch.
      dtype: of its operands, as in ``Hardware.peak_flops``.
    """

    op_name: str
    times: int
    flops: int
    dtype: str


class Equation(NamedTuple):
    """A primitive with where it stands, as :func:`walk` yields it."""

    eqn: Any
    times: int
    op_name: str


def products(jaxpr: Any) -> list[Product]:
    """Every product of a closed jaxpr (``jax.jit(f).trace(...).jaxpr``)."""
    return [
        Product(item.op_name, item.times, product_flops(item.eqn), product_type(item.eqn))
        for item in walk(jaxpr)
        if item.eqn.primitive.name in ("conv_general_dilated", "dot_general")
    ]


def by_layer(found: list[Product]) -> dict[str, dict[str, int]]:
    """Layer -> pass ('forward', 'backward', 'recomputed', 'outside layers') -> FLOPs, largest layer first."""
    table: dict[str, dict[str, int]] = {}
    for product in found:
        row = table.setdefault(layer_of(product.op_name), {})
        name = pass_of(product.op_name)
        row[name] = row.get(name, 0) + product.flops * product.times
    return dict(sorted(table.items(), key=lambda item: -sum(item[1].values())))


def total(found: list[Product], *, recomputed: bool = True) -> int:
    """All FLOPs; without those of recomputation, what the model needs."""
    return sum(p.flops * p.times for p in found if recomputed or pass_of(p.op_name) != "recomputed")


def by_type(found: list[Product]) -> dict[str, int]:
    """FLOPs by operand type."""
    sums: dict[str, int] = {}
    for product in found:
        sums[product.dtype] = sums.get(product.dtype, 0) + product.flops * product.times
    return sums


def walk(jaxpr: Any, times: int = 1, stack: str = "jit(step)") -> Iterator[Equation]:
    """Every primitive that runs, with how often; those that only hold others are gone into."""
    for eqn in getattr(jaxpr, "jaxpr", jaxpr).eqns:
        here = "/".join(part for part in (stack, str(eqn.source_info.name_stack)) if part)
        name = eqn.primitive.name
        inner = list(inner_jaxprs(eqn))
        if name == "scan":
            yield from walk(inner[0], times * int(eqn.params["length"]), f"{here}/while/body")
        elif name == "cond":
            branches = [list(walk(branch, times, f"{here}/cond")) for branch in inner]
            yield from max(branches, key=_weight)
        elif name == "shard_map":
            for body in inner:  # written for one device
                yield from walk(body, times * math.prod(eqn.params["mesh"].shape.values()), here)
        elif inner and name not in ("reduce", "reduce_window", "scatter", "sort", "scatter-add"):
            for body in inner[:1] if name.startswith("custom_") else inner:
                yield from walk(body, times, f"{here}/{name}" if name == "checkpoint" else here)
        else:
            yield Equation(eqn, times, f"{here}/{name}")


def _weight(branch: list[Equation]) -> tuple[int, int]:
    flops = sum(
        product_flops(item.eqn) * item.times
        for item in branch
        if item.eqn.primitive.name in ("conv_general_dilated", "dot_general")
    )
    return flops, len(branch)


def product_type(eqn: Any) -> str:
    """The type whose peak bounds a product: the wider of its operands', with the precision asked for."""
    widest = max((v.aval.dtype for v in eqn.invars[:2]), key=lambda dtype: dtype.itemsize)
    name = "fp8" if widest.name.startswith("float8") else _TYPES.get(widest.name, widest.name)
    precision = str(eqn.params.get("precision")).lower()
    if name == "f32" and "highest" in precision:
        return "f32_highest"
    return "f32_high" if name == "f32" and "high" in precision else name


def product_flops(eqn: Any) -> int:
    """FLOPs of a ``dot_general`` or ``conv_general_dilated`` equation, two for a multiply-add."""
    counts: dict[str, Callable[[Any], int]] = {"dot_general": _dot, "conv_general_dilated": _convolution}
    return counts[eqn.primitive.name](eqn)


def _dot(eqn: Any) -> int:
    (contracted, _), _ = eqn.params["dimension_numbers"]
    left, result = eqn.invars[0].aval, eqn.outvars[0].aval
    return 2 * math.prod(result.shape) * math.prod(left.shape[d] for d in contracted)


def _convolution(eqn: Any) -> int:
    left, right, result = (v.aval.shape for v in (*eqn.invars[:2], eqn.outvars[0]))
    given = eqn.params
    of_input, of_kernel, of_output = given["dimension_numbers"]
    spatial = [
        valid_positions(
            left[of_input[axis + 2]],
            right[of_kernel[axis + 2]],
            result[of_output[axis + 2]],
            stride=given["window_strides"][axis],
            low=given["padding"][axis][0],
            base_dilation=given["lhs_dilation"][axis],
            kernel_dilation=given["rhs_dilation"][axis],
        )
        for axis in range(len(left) - 2)
    ]
    return convolution_flops(
        batch=left[of_input[0]],
        in_features=left[of_input[1]],
        out_features=result[of_output[1]],
        spatial=spatial,
        feature_groups=given["feature_group_count"],
        batch_groups=given["batch_group_count"],
    )
