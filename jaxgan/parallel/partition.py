"""Partition rules: which leaf of a state is split over which axis of the mesh, by the leaf's path."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import jax
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from jaxgan.parallel.batch import inside_mesh

Spec = P | Callable[[tuple[int, ...], Mesh], P]
Rules = Sequence[tuple[str, Spec]]

REPLICATED: Rules = ((".*", P()),)


def fsdp_largest(shape: tuple[int, ...], mesh: Mesh, *, min_size: int = 2**10) -> P:
    """Splits the largest dimension that the ``fsdp`` axis divides; leaves under ``min_size`` elements stay whole."""
    ways = mesh.shape["fsdp"]
    size = 1
    for dim in shape:
        size *= dim
    if ways == 1 or size < min_size:
        return P()
    for axis in sorted(range(len(shape)), key=lambda a: -shape[a]):
        if shape[axis] % ways == 0:
            return P(*(["fsdp" if a == axis else None for a in range(axis + 1)]))
    return P()


# Parameters, their optimiser moments and their averages; statistics and power-iteration vectors are small and stay
# whole.
FSDP: Rules = ((r"(^|.*/)(params|mu|nu|trace)/.*", fsdp_largest), (".*", P()))


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
