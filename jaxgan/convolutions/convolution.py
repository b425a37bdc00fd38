"""The operands and parameters of a convolution in a program: shapes, strides, dilations, the order of dimensions."""

import math
from typing import Any, NamedTuple


class Convolution(NamedTuple):
    """The operands and parameters of one ``jax.lax.conv_general_dilated``.

    Attributes:
      lhs, rhs, out: shapes of the image, of the kernel and of what comes out.
      dtype, out_dtype: names, of both operands and of what comes out.
      lhs_spec: which dimensions are the batch, the features and the sides of the image.
      rhs_spec: which are the features that come out and go in, and the sides of the kernel.
      out_spec: as ``lhs_spec``, of what comes out.
      strides, padding, lhs_dilation, rhs_dilation: a value a side; of padding a pair.
      feature_groups, batch_groups: as in ``jax.lax.conv_general_dilated``.
      precision: of products.
    """

    lhs: tuple[int, ...]
    rhs: tuple[int, ...]
    out: tuple[int, ...]
    dtype: str
    out_dtype: str
    lhs_spec: tuple[int, ...]
    rhs_spec: tuple[int, ...]
    out_spec: tuple[int, ...]
    strides: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    lhs_dilation: tuple[int, ...]
    rhs_dilation: tuple[int, ...]
    feature_groups: int
    batch_groups: int
    precision: Any

    @property
    def sides(self) -> tuple[int, ...]:
        """Of the image."""
        return tuple(self.lhs[axis] for axis in self.lhs_spec[2:])

    @property
    def taps(self) -> tuple[int, ...]:
        """Sides of the kernel."""
        return tuple(self.rhs[axis] for axis in self.rhs_spec[2:])

    @property
    def places(self) -> tuple[int, ...]:
        """Sides of what comes out."""
        return tuple(self.out[axis] for axis in self.out_spec[2:])

    @property
    def multiply_adds(self) -> int:
        """With those of padding and of the zeros that dilation puts in."""
        inputs = self.rhs[self.rhs_spec[1]]
        return math.prod(self.out) * inputs * math.prod(self.taps) // self.batch_groups

    def text(self) -> str:
        """All of it in one line: the same line for the same convolution alone."""
        sides = "xy" if len(self.sides) == 2 else "".join(map(str, range(len(self.sides))))

        def named(shape: tuple[int, ...], spec: tuple[int, ...], letters: str) -> str:
            names = dict(zip(spec, letters))
            return f"{'x'.join(map(str, shape))}:{''.join(names[axis] for axis in range(len(shape)))}"

        image, kernel = named(self.lhs, self.lhs_spec, "bf" + sides), named(self.rhs, self.rhs_spec, "oi" + sides)
        parts = [
            f"{self.dtype} {image} * {kernel}",
            f"-> {self.out_dtype} {named(self.out, self.out_spec, 'bf' + sides)}",
            f"pad {','.join(f'{low}_{high}' for low, high in self.padding)}",
        ]
        for name, values in (("stride", self.strides), ("spread", self.lhs_dilation), ("dilate", self.rhs_dilation)):
            if set(values) != {1}:
                parts.append(f"{name} {','.join(map(str, values))}")
        for name, count in (("groups", self.feature_groups), ("batch groups", self.batch_groups)):
            if count != 1:
                parts.append(f"{name} {count}")
        if self.precision is not None:
            parts.append(f"precision {self.precision}")
        return " ".join(parts)


def convolution_of(eqn: Any) -> Convolution | None:
    """The convolution of an equation of a jaxpr; None where it is no convolution, or its operands' types differ."""
    if eqn.primitive.name != "conv_general_dilated":
        return None
    lhs, rhs, out = (each.aval for each in (*eqn.invars, *eqn.outvars))
    if lhs.dtype != rhs.dtype:
        return None
    given = eqn.params
    specs = given["dimension_numbers"]
    return Convolution(
        lhs=tuple(lhs.shape),
        rhs=tuple(rhs.shape),
        out=tuple(out.shape),
        dtype=lhs.dtype.name,
        out_dtype=out.dtype.name,
        lhs_spec=tuple(specs.lhs_spec),
        rhs_spec=tuple(specs.rhs_spec),
        out_spec=tuple(specs.out_spec),
        strides=tuple(given["window_strides"]),
        padding=tuple(map(tuple, given["padding"])),
        lhs_dilation=tuple(given["lhs_dilation"]),
        rhs_dilation=tuple(given["rhs_dilation"]),
        feature_groups=given["feature_group_count"],
        batch_groups=given["batch_group_count"],
        precision=given["precision"],
    )
