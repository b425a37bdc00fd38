"""The arguments of a program, one by one: what JAX calls them, and how they are split over the mesh."""

import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import NamedSharding

from jaxgan.parallel import path_name
from jaxgan.tools.planner.hlo_text import Module


class Argument(NamedTuple):
    """One array that a program takes.

    Attributes:
      name: as JAX names the compiled program's parameters, such as ``state.nets['g']['params']['kernel']``.
      path: its path in its tree, such as ``nets/g/params/kernel``.
      bytes: of one device's part, without padding.
      axes: mesh axes that it is split over.
    """

    name: str
    path: str
    bytes: int
    axes: frozenset[str]


def list_arguments(function: Callable[..., Any], trees: Sequence[Any], shardings: Sequence[Any]) -> list[Argument]:
    """The arguments of ``function``, flattened in JAX's order.

    Args:
      function: for the names of its parameters.
      trees: of arrays or ``ShapeDtypeStruct``, one a parameter.
      shardings: one a parameter: a tree of ``NamedSharding``, or one for all its leaves.
    """
    found = []
    for parameter, tree, where in zip(inspect.signature(function).parameters, trees, shardings, strict=True):
        leaves = jax.tree_util.tree_leaves_with_path(tree)
        each = [where] * len(leaves) if isinstance(where, NamedSharding) else jax.tree.leaves(where)
        for (path, leaf), sharding in zip(leaves, each, strict=True):
            found.append(
                Argument(
                    name=parameter + jax.tree_util.keystr(path),
                    path=path_name(path) or parameter,
                    bytes=math.prod(sharding.shard_shape(tuple(leaf.shape))) * _item_bytes(leaf.dtype),
                    axes=_split_over(sharding),
                )
            )
    return found


def match(module: Module, arguments: Sequence[Argument]) -> list[Argument]:
    """The argument that each parameter of the compiled program is: arguments that nothing reads are left out of it.

    Raises:
      ValueError: where one cannot be told.
    """
    parameters = module.entry.parameters
    if len(parameters) == len(arguments):
        return list(arguments)
    by_name = {argument.name: argument for argument in arguments}
    missing = [p.op_name for p in parameters if p.op_name not in by_name]
    if missing:
        raise ValueError(f"the compiled program's parameter {missing[0]!r} is none of the {len(arguments)} arguments")
    return [by_name[parameter.op_name] for parameter in parameters]


def _item_bytes(dtype: Any) -> int:
    if jax.dtypes.issubdtype(dtype, jax.dtypes.prng_key):
        return 8  # a threefry key is two 32-bit words
    return int(np.dtype(dtype).itemsize)


def _split_over(sharding: NamedSharding) -> frozenset[str]:
    axes: set[str] = set()
    for part in sharding.spec:
        axes |= set(part) if isinstance(part, tuple) else {part} if part else set()
    return frozenset(axis for axis in axes if sharding.mesh.shape[axis] > 1)
