"""Partition rules (replicated, ZeRO-1, FSDP): which leaf of a state is split over which mesh axis, by its path."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from jaxgan.parallel.batch import ROWS, inside_mesh

Spec = P | Callable[[tuple[int, ...], Mesh], P]
Rules = Sequence[tuple[str, Spec]]

# What a method keeps for each row of the batch, such as a pool of images: split as the batch is.
_BY_ROW = (r"(extra|frozen)/(.*/)?by_row/.*", P(ROWS))

REPLICATED: Rules = (_BY_ROW, (".*", P()))


def split_over(axes: tuple[str, ...], shape: tuple[int, ...], sizes: Mapping[str, int], *, min_size: int = 2**10) -> P:
    """Splits one dimension over the axes of a mesh, or as many of them as divide it.

    The last but one is tried first (a kernel's inputs: its power iteration and its Gram matrix then sum over devices
    what is small, and a TPU's tiles are padded the least), then the last, then the others from the largest; with all
    the axes, then without the first of them, and so on. Leaves under ``min_size`` elements, and those that nothing
    divides, stay whole.

    Args:
      axes: names, outermost first.
      shape: of the leaf.
      sizes: devices along each axis of the mesh.
      min_size: elements.
    """
    if math.prod(shape) < min_size:
        return P()
    dims = list(range(len(shape)))
    order = [*dims[-2:], *sorted(dims[:-2], key=lambda dim: -shape[dim])]
    for first in range(len(axes)):
        names = tuple(name for name in axes[first:] if sizes[name] > 1)
        ways = math.prod(sizes[name] for name in names)
        if ways == 1:
            continue
        for dim in order:
            if shape[dim] % ways == 0:
                return P(*[None] * dim, names if len(names) > 1 else names[0])
    return P()


def split_over_fsdp(shape: tuple[int, ...], mesh: Mesh, *, min_size: int = 2**10) -> P:
    """:func:`split_over` the ``fsdp`` axis."""
    return split_over(("fsdp",), shape, mesh.shape, min_size=min_size)


def _over_rows(shape: tuple[int, ...], mesh: Mesh) -> P:
    return split_over(ROWS, shape, mesh.shape)


_MOMENTS = r"opt/.*/(mu|nu|trace)/.*"
_AVERAGES = r"ema/.*/params/.*"

# Parameters, their optimiser moments and their averages over fsdp; statistics and power-iteration vectors are small and
# stay whole.
FSDP: Rules = (_BY_ROW, (r"(^|.*/)(params|mu|nu|trace)/.*", split_over_fsdp), (".*", P()))

# Parameters whole, moments and averages over all that split the batch (ZeRO stage 1, Rajbhandari et al. 2019,
# arXiv:1910.02054, section 5.1).
ZERO1: Rules = (_BY_ROW, (f"{_MOMENTS}|{_AVERAGES}", _over_rows), (".*", P()))


def path_name(path: tuple[Any, ...]) -> str:
    """The '/'-joined name of a key path, such as ``nets/g/params/block_0/conv_0/kernel``."""
    return jax.tree_util.keystr(path, simple=True, separator="/")


def shardings(tree: Any, rules: Rules, mesh: Mesh) -> Any:
    """A tree of ``NamedSharding`` for ``tree`` (arrays or ``ShapeDtypeStruct``): the first rule whose regex matches a
    path.

    Raises:
      ValueError: where no rule matches a leaf.
    """

    def one(path: tuple[Any, ...], leaf: Any) -> NamedSharding:
        name = path_name(path)
        for pattern, spec in rules:
            if re.fullmatch(pattern, name):
                return NamedSharding(mesh, spec if isinstance(spec, P) else spec(tuple(leaf.shape), mesh))
        raise ValueError(f"no partition rule matches {name!r}; the patterns are {[p for p, _ in rules]}")

    return jax.tree_util.tree_map_with_path(one, tree)


def gather(tree: Any) -> Any:
    """Constrains every leaf to be whole on each device before it is used; the identity where no mesh is set.

    Without it the compiler may split activations along a weight's sharded axis instead of gathering the weight.
    """
    return jax.tree.map(lambda x: jax.lax.with_sharding_constraint(x, P()), tree) if inside_mesh() else tree
