"""Reads JAX's name stacks: which layer an operation belongs to, which pass, and why devices communicate it.

A stack such as ``jit(one)/while/body/transpose(jvp(Generator))/block_0/conv_0/conv_general_dilated`` ends in the
operation; ``jvp`` marks what is differentiated, ``transpose(jvp(...))`` its backward pass; the rest are Flax modules,
functions and control flow.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

_WRAPPER = re.compile(r"^(\w+)\((.*)\)$")
# Parts of a stack that name control flow or a transformation, not a module.
_FLOW = re.compile(
    r"while|body|cond|closed_call|core_call|call(\.\d+)?|branch_\d+_fun|checkpoint|remat\d*|rematted_computation|scan|"
    r"custom_(jvp|vjp)_call\w*|shard_map|pjit|jit|true_fun|false_fun"
)


class Name(NamedTuple):
    """A parsed name stack.

    Attributes:
      layer: the modules, outermost first, joined by '/'; '' outside all.
      operation: the last part: a primitive.
      functions: names of the jitted functions around it.
      backward: whether it is of a backward pass.
      recomputed: whether it is a forward pass run again (rematerialisation).
    """

    layer: str
    operation: str
    functions: tuple[str, ...]
    backward: bool
    recomputed: bool


def parse_name(op_name: str) -> Name:
    """Parses a name stack; of several joined by ';' the first."""
    parts = op_name.split(";")[0].split("/")
    layer: list[str] = []
    functions: list[str] = []
    backward = recomputed = False
    for part in parts[:-1]:
        recomputed |= part == "rematted_computation"
        wrapped = "(" in part
        while found := _WRAPPER.match(part):
            if found.group(1) in ("jit", "pjit"):
                functions.append(found.group(2))
                part = ""
                break
            backward |= found.group(1) == "transpose"
            part = found.group(2)
        # Rematerialised layers stand under transpose(jvp(Net))/jvp(Net).
        again = wrapped and layer[-1:] == [part]
        if part and not again and not _FLOW.fullmatch(part):
            layer.append(part)
    # The outermost function is the program itself.
    return Name("/".join(layer), parts[-1], tuple(functions[1:]), backward, recomputed)


def layer_of(op_name: str) -> str:
    """The layer, or '(no layer)'."""
    return parse_name(op_name).layer or "(no layer)"


def pass_of(op_name: str) -> str:
    """'forward', 'backward' or 'recomputed' in a layer; 'outside layers' elsewhere."""
    name = parse_name(op_name)
    if not name.layer:
        return "outside layers"
    return "recomputed" if name.recomputed else "backward" if name.backward else "forward"


# (what it is, regex on the whole stack): the first that is found wins. The words are this library's: weights are
# normalised in a scope '<layer>.param', normalisation layers are called norm, norm_0, ...
KINDS: Sequence[tuple[str, str]] = (
    ("random numbers", r"threefry|_normal|_uniform|_randint|random_bits|erf_inv|_gumbel|_bernoulli"),
    ("weight normalisation", r"\.param/|/spectral|orthogonal"),
    ("normalisation", r"(^|[/(])norm(_\d+)?\)*/(?!gain|bias)"),
    ("attention", r"(^|/)attention"),
    ("convolutions", r"conv_general_dilated"),
    ("matrix products", r"dot_general"),
    ("resampling", r"resize|upsample|avg_pool|reduce_window|repeat"),
    ("embeddings", r"_take|gather|scatter|embed"),
)


def kind_of(op_name: str) -> str:
    """The kind of work of an operation; 'elementwise in layers' or 'outside layers' where no pattern says more."""
    for kind, pattern in KINDS:
        if re.search(pattern, op_name):
            return kind
    return "elementwise in layers" if parse_name(op_name).layer else "outside layers (optimisers, averages, losses)"


def cause_of(kind: str, op_name: str) -> str:
    """The cause of a collective: 'statistics', 'gradients', 'weights gathered', 'halos', ...

    The compiler joins small collectives and keeps the name of one of them: a few statistics may travel with gradients.

    Args:
      kind: the collective, such as 'all-reduce'.
      op_name: of the operation that it came from.
    """
    name = parse_name(op_name)
    if kind == "collective-permute":
        return "halos and shifts"
    if kind == "all-gather":
        # Whole weights are asked for by a constraint, or by the layer that normalises them; a loop's name is what is
        # left of one that was moved out of it.
        whole = name.operation in ("sharding_constraint", "while") or not name.layer or ".param/" in op_name
        return "weights gathered" if whole else "activations gathered"
    if kind == "reduce-scatter":
        return "gradients"
    if kind == "all-to-all":
        return "activations resharded"
    if re.search(r"(^|[/(])norm(_\d+)?\)*/", op_name) and name.operation.startswith("reduce"):
        return "statistics"
    if name.backward:
        return "gradients"
    return "losses and norms" if not name.layer else "activations reduced"
