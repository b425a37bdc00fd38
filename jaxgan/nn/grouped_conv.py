"""A convolution in groups of channels, computed in the form that suits the platform.

XLA:CPU has no fast path for ``feature_group_count``: value and gradients of a 3x3 convolution of [32, 14, 14, 128] in
groups of 16 took 572 ms there, split 13 ms, by products 44 ms; of [16, 8, 8, 512] 4367, 31 and 39 ms (jax 0.10.2, two
busy cores). Forms, all equal up to rounding:

  grouped   one grouped convolution
  split     a convolution for each group; a program that grows with the groups
  products  one product of matrices batched over groups, of the patches that a kernel sees
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxgan.parallel import platform

FORMS = ("grouped", "split", "products")

# Groups on a CPU, up to which a convolution for each is worth its compilation.
_MOST_SPLIT = 16


def choose_grouped_form(groups: int) -> str:
    """The form for the platform that the program is for: 'split', or 'products' for many groups, on CPU; elsewhere
    'grouped'.
    """
    if platform() != "cpu" or groups == 1:
        return "grouped"
    return "split" if groups <= _MOST_SPLIT else "products"


def grouped_conv(x: Array, kernel: Array, *, groups: int, form: str, precision: Any = None) -> Array:
    """The convolution whose outputs of group g see the inputs of group g alone, padding ``SAME``.

    Args:
      x: [B, H, W, C] float.
      kernel: [K, L, C / groups, D] float, K and L odd; the first D / groups outputs are those of the first group.
      groups: of channels; divides C and D.
      form: one of ``FORMS``.
      precision: as in ``jax.lax.conv_general_dilated``.

    Returns:
      [B, H, W, D].

    Raises:
      ValueError: on an unknown form, an even kernel, or groups that do not fit.
    """
    if form not in FORMS:
        raise ValueError(f"unknown form {form!r} of a grouped convolution; choose from {', '.join(FORMS)}")
    b, h, w, c = x.shape
    tall, wide, inside, out = kernel.shape
    if not tall % 2 or not wide % 2 or inside * groups != c or out % groups:
        raise ValueError(
            f"{groups} groups of {c} channels need a kernel [odd, odd, {c / groups:g}, a multiple of {groups}], "
            f"got {list(kernel.shape)}"
        )

    def convolve(x: Array, kernel: Array, groups: int) -> Array:
        return jax.lax.conv_general_dilated(
            x,
            kernel,
            (1, 1),
            "SAME",
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
            feature_group_count=groups,
            precision=precision,
        )

    if form == "grouped":
        return convolve(x, kernel, groups)
    if form == "split":
        parts = zip(jnp.split(x, groups, -1), jnp.split(kernel, groups, -1))
        return jnp.concatenate([convolve(*part, 1) for part in parts], -1)
    padded = jnp.pad(x, ((0, 0), (tall // 2, tall // 2), (wide // 2, wide // 2), (0, 0)))
    seen = [padded[:, i : i + h, j : j + w] for i in range(tall) for j in range(wide)]
    rows = jnp.stack(seen, 3).reshape(b * h * w, tall * wide, groups, inside)
    rows = rows.transpose(2, 0, 1, 3).reshape(groups, b * h * w, -1)
    taps = kernel.reshape(tall * wide, inside, groups, -1).transpose(2, 0, 1, 3).reshape(groups, rows.shape[-1], -1)
    product = jnp.matmul(
        rows, taps, precision=precision, preferred_element_type=jnp.promote_types(x.dtype, jnp.float32)
    )
    return product.transpose(1, 0, 2).reshape(b, h, w, out).astype(x.dtype)


def grouped_hooks(groups: int) -> dict[str, Any]:
    """Fields that make a ``flax.linen.Conv`` have ``groups`` and compute :func:`grouped_conv` in the platform's form;
    its parameters stay its own.
    """

    def convolve(x: Array, kernel: Array, strides: Any, padding: Any, **options: Any) -> Array:
        dilated = math.prod(size for name in ("lhs_dilation", "rhs_dilation") for size in options[name]) != 1
        if dilated or math.prod(strides) != 1 or padding != "SAME":
            raise ValueError("a convolution in groups takes no stride, dilation or padding other than 'SAME'")
        count = options["feature_group_count"]
        form = choose_grouped_form(count)
        return grouped_conv(x, kernel, groups=count, form=form, precision=options["precision"])

    return {"feature_group_count": groups, "conv_general_dilated": convolve}
