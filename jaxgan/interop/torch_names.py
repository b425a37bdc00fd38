"""From a PyTorch state dict to a network's variables, by a table of names."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import numpy as np
from flax import traverse_util

from jaxgan.features.efficientnet_lite_weights import require_tensors

Kind = Literal["conv", "transposed", "dense", "image", "vector"]
# Torch's axes of a weight, in the order that ours are.
_AXES: dict[str, tuple[int, ...]] = {
    "conv": (2, 3, 1, 0),
    "transposed": (2, 3, 0, 1),
    "dense": (1, 0),
    "image": (1, 2, 0),
}


class Place(NamedTuple):
    """Where a tensor goes.

    Attributes:
      path: collection and names: ('params', 'down_0', 'kernel').
      kind: 'conv' and 'dense' weights and an 'image' [C, H, W] are transposed; those of transposed convolutions also
        turned by half, for ours are convolutions of the widened input; a 'vector' stays.
    """

    path: tuple[str, ...]
    kind: Kind


Table = dict[str, Place]


def layer(name: str, path: str, kind: Kind, *, bias: bool = True) -> Table:
    """The weight, and where it has one the bias, of the torch layer ``name`` as those of ``path``, joined by '/'."""
    where = ("params", *path.split("/"))
    found = {f"{name}.weight": Place((*where, "kernel"), kind)}
    return found | ({f"{name}.bias": Place((*where, "bias"), "vector")} if bias else {})


def batch_norm(name: str, path: str, *, affine: bool = True) -> Table:
    """The gain and bias, and the running statistics, of the torch batch norm ``name``."""
    parts = tuple(path.split("/"))
    found = {
        f"{name}.running_mean": Place(("batch_stats", *parts, "mean"), "vector"),
        f"{name}.running_var": Place(("batch_stats", *parts, "var"), "vector"),
    }
    if affine:
        found |= {
            f"{name}.weight": Place(("params", *parts, "scale"), "vector"),
            f"{name}.bias": Place(("params", *parts, "bias"), "vector"),
        }
    return found


def spectral_layer(name: str, path: str, kind: Kind, *, bias: bool = True) -> Table:
    """The same as :func:`layer` of a torch layer under ``torch.nn.utils.spectral_norm``, with its left vector."""
    found = layer(name, path, kind, bias=bias)
    found[f"{name}.weight_orig"] = found.pop(f"{name}.weight")
    return found | {f"{name}.weight_u": Place(("spectral", *path.split("/"), "u"), "vector")}


def variables_of(table: Table, state: Mapping[str, np.ndarray], shapes: Mapping[str, Any], *, of: str) -> Any:
    """The variables that a state dict holds.

    Args:
      table: torch's name -> place; counters of batch norms (``num_batches_tracked``) and the right vectors of spectral
        norms (``weight_v``) are passed over.
      state: torch's name -> array.
      shapes: the network's variables, arrays or their shapes.
      of: what errors call the network.

    Returns:
      collection -> nested dict of float32 arrays.

    Raises:
      ValueError: naming tensors that are missing, unexpected or misshapen, or variables that no tensor fills.
    """
    flat = {path: tuple(leaf.shape) for path, leaf in traverse_util.flatten_dict(dict(shapes)).items()}
    unfilled = sorted("/".join(path) for path in set(flat) - {place.path for place in table.values()})
    if unfilled:
        raise ValueError(
            f"{of}: no tensor is for {', '.join(unfilled[:5])}; the network has other fields than the table"
        )
    kept = {name: value for name, value in state.items() if not name.endswith(("num_batches_tracked", "weight_v"))}
    expected = {name: _torch_shape(place.kind, flat[place.path]) for name, place in table.items() if place.path in flat}
    require_tensors(kept, expected, of=of, hint="pass the state dict of the same settings")
    made = {table[name].path: _turned(table[name].kind, np.asarray(state[name], np.float32)) for name in expected}
    return traverse_util.unflatten_dict(made)


def _torch_shape(kind: Kind, shape: tuple[int, ...]) -> tuple[int, ...]:
    if kind == "vector":
        return shape
    return tuple(shape[_AXES[kind].index(axis)] for axis in range(len(shape)))


def _turned(kind: Kind, tensor: np.ndarray) -> np.ndarray:
    if kind == "vector":
        return tensor
    found = tensor.transpose(_AXES[kind])
    return np.ascontiguousarray(found[::-1, ::-1] if kind == "transposed" else found)
