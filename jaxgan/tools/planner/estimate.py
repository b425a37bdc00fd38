"""Traffic and memory of a program that cannot be compiled here, from its trace: an estimate, by explicit rules.

The program is traced as one device runs it, on its own part of the batch. The rules:

1. A convolution, product, reduction, gather, scatter, sort or random draw is a kernel: it reads its operands once and
   writes its result once.
2. Everything else (arithmetic, broadcasts, reshapes, transposes, slices, casts) is fused into what reads it: a kernel
   reads, instead of such an operand, the values that it was computed from.
3. A fused value that a convolution or product reads, or that leaves the program or a loop, is written once by a kernel
   of its own.
4. Where only arithmetic reads the result of a convolution or product, and in one place, the two are one kernel.
5. Reductions of the same values share one reading of them.
6. A value is in memory from the kernel that writes it to the last that reads it; results take the place of donated
   arguments. Layouts have no padding.

docs/planning.md says how far the estimate was from compiled programs.
"""

import dataclasses
import math
from typing import Any, NamedTuple

import numpy as np
from jax.extend import core

_HEAVY = frozenset(["conv_general_dilated", "dot_general"])
_KERNELS = frozenset(
    [
        *_HEAVY,
        "argmax",
        "argmin",
        "cumsum",
        "cumprod",
        "cumlogsumexp",
        "cummax",
        "dynamic_update_slice",
        "gather",
        "random_bits",
        "random_fold_in",
        "random_split",
        "random_wrap",
        "random_unwrap",
        "reduce_and",
        "reduce_max",
        "reduce_min",
        "reduce_or",
        "reduce_prod",
        "reduce_sum",
        "reduce_window",
        "reduce_window_max",
        "reduce_window_sum",
        "scatter",
        "scatter-add",
        "scatter_add",
        "select_and_scatter_add",
        "sort",
        "threefry2x32",
        "top_k",
    ]
)
_REDUCTIONS = frozenset(["reduce_sum", "reduce_max", "reduce_min", "reduce_prod", "reduce_and", "reduce_or"])


class Estimate(NamedTuple):
    """Of one call, on one device.

    Attributes:
      bytes: read from and written to main memory.
      peak_bytes: most in memory at once, arguments excluded.
    """

    bytes: int
    peak_bytes: int


def estimate(jaxpr: Any) -> Estimate:
    """Applies the rules to a closed jaxpr, traced with one device's part of the batch."""
    graph = _Graph()
    inner = jaxpr.jaxpr
    env: dict[Any, int] = {}
    for var in (*inner.constvars, *inner.invars):
        env[var] = graph.argument(var.aval)
    graph.add(inner, env)
    return graph.finish([graph.read(env, var) for var in inner.outvars])


def aval_bytes(aval: Any) -> int:
    """Bytes of an abstract array."""
    if not hasattr(aval, "shape"):
        return 0
    item = 8 if "key<" in str(aval.dtype) else np.dtype(aval.dtype).itemsize
    return math.prod(aval.shape) * item


@dataclasses.dataclass
class _Node:
    """One operation: the values that it reads, those that it makes."""

    primitive: str
    reads: list[int]
    makes: list[int]
    times: int = 1
    inner: Estimate | None = None


class _Graph:
    """A program without its calls: values by number, operations in order."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.maker: dict[int, _Node] = {}
        self.nodes: list[_Node] = []
        self.arguments: set[int] = set()

    def value(self, aval: Any) -> int:
        self.sizes.append(aval_bytes(aval))
        return len(self.sizes) - 1

    def argument(self, aval: Any) -> int:
        number = self.value(aval)
        self.arguments.add(number)
        return number

    def read(self, env: dict[Any, int], var: Any) -> int:
        """The number of what a variable or literal stands for."""
        if isinstance(var, core.Literal):
            return self.argument(var.aval)
        return env[var]

    def add(self, jaxpr: Any, env: dict[Any, int]) -> None:
        """Adds a jaxpr's operations; calls are opened, loops are counted separately."""
        for eqn in jaxpr.eqns:
            name = eqn.primitive.name
            reads = [self.read(env, var) for var in eqn.invars]
            bodies = _bodies(eqn)
            if name in ("scan", "while") or (name == "cond" and bodies):
                outs = [self.value(var.aval) for var in eqn.outvars]
                count = int(eqn.params["length"]) if name == "scan" else 1
                found = max((estimate(body) for body in bodies), key=lambda e: e.bytes)
                self._append(_Node(name, reads, outs, count, found))
            elif bodies and name not in _KERNELS:
                outs = self._open(bodies[0], reads)
            else:
                outs = [self.value(var.aval) for var in eqn.outvars]
                self._append(_Node(name, reads, outs))
            env.update(zip(eqn.outvars, outs))

    def _open(self, body: Any, reads: list[int]) -> list[int]:
        inner = getattr(body, "jaxpr", body)
        env = {var: self.argument(var.aval) for var in inner.constvars}
        env |= dict(zip(inner.invars, reads[len(reads) - len(inner.invars) :]))
        self.add(inner, env)
        return [self.read(env, var) for var in inner.outvars]

    def _append(self, node: _Node) -> None:
        self.nodes.append(node)
        for made in node.makes:
            self.maker[made] = node

    def finish(self, results: list[int]) -> Estimate:
        """Decides what is written, and adds up."""
        written = self._written(results)
        sources = _Sources(self, written)
        moved, seen = 0, set()
        last: dict[int, int] = {}
        for place, node in enumerate(self.nodes):
            kernel = node.primitive in _KERNELS or node.inner is not None
            made = [v for v in node.makes if v in written]
            if not kernel and not made:
                continue
            read = frozenset().union(*(sources.of(v) for v in node.reads)) if node.reads else frozenset()
            for v in read:
                last[v] = place
            if node.inner is not None:
                # What a loop's body reads and writes holds its carried values and slices already.
                moved += node.times * node.inner.bytes
                continue
            if node.primitive in _REDUCTIONS and read in seen:
                read = frozenset()
            elif node.primitive in _REDUCTIONS:
                seen.add(read)
            moved += sum(self.sizes[v] for v in read) + sum(self.sizes[v] for v in made)
        return Estimate(moved, self._peak(written, last, set(results)))

    def _written(self, results: list[int]) -> set[int]:
        users: dict[int, list[_Node]] = {}
        for node in self.nodes:
            for v in node.reads:
                users.setdefault(v, []).append(node)
        written = set(self.arguments)
        for node in self.nodes:
            if node.inner is not None:
                written |= {*node.makes, *node.reads}
            elif node.primitive in _HEAVY:
                readers = users.get(node.makes[0], [])
                fused = len(readers) == 1 and readers[0].primitive not in _KERNELS and readers[0].inner is None
                written |= set(node.reads) | (set() if fused else set(node.makes))
            elif node.primitive in _KERNELS:
                written |= set(node.makes)
        # A random bit or key is fused into what is made of it, as arithmetic is.
        return (written | set(results)) - {v for v in written if self._random(v)}

    def _random(self, value: int) -> bool:
        node = self.maker.get(value)
        return node is not None and node.primitive.startswith(("random_", "threefry"))

    def _peak(self, written: set[int], last: dict[int, int], results: set[int]) -> int:
        ends: dict[int, int] = {}
        held = peak = 0
        for place, node in enumerate(self.nodes):
            for v in node.makes:
                if v in written and v not in results and v in last:
                    held += self.sizes[v]
                    ends[last[v]] = ends.get(last[v], 0) + self.sizes[v]
            peak = max(peak, held + (node.inner.peak_bytes if node.inner else 0))
            held -= ends.get(place, 0)
        return peak


class _Sources:
    """The source of a value: itself where it is written, else what it was computed from."""

    def __init__(self, graph: _Graph, written: set[int]) -> None:
        self.graph, self.written = graph, written
        self._known: dict[int, frozenset[int]] = {}
        # In order, so that what a value was computed from is known before it: no recursion.
        for node in graph.nodes:
            if node.inner is not None or node.primitive in _HEAVY:
                behind: frozenset[int] = frozenset()
            else:
                behind = frozenset().union(*(self.of(v) for v in node.reads))
            for made in node.makes:
                self._known[made] = frozenset([made]) if made in written else behind

    def of(self, value: int) -> frozenset[int]:
        """The written values behind ``value``."""
        if value in self.written:
            return frozenset([value])
        return self._known.get(value, frozenset())


def _bodies(eqn: Any) -> list[Any]:
    found = []
    for key, value in eqn.params.items():
        if key in ("cond_jaxpr", "jvp_jaxpr_fun", "fwd_jaxpr_thunk", "bwd"):
            continue
        for item in value if isinstance(value, tuple | list) else (value,):
            if isinstance(item, core.ClosedJaxpr):
                found.append(item)
            elif isinstance(item, core.Jaxpr):
                found.append(core.ClosedJaxpr(item, ()))
    return found
