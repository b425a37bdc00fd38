"""Ahead-of-time compilation of one program; the compiler's figures are kept on disk, since it takes minutes."""

import dataclasses
import gzip
import hashlib
import importlib.metadata
import json
import re
import time
from pathlib import Path
from typing import Any

import jax
from jax.sharding import Mesh

_UNIT = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
# libtpu 0.0.52 says the first; older ones say the second.
_OUT_OF_MEMORY = (
    re.compile(r"HLO temporaries \(([\d.]+)([KMGT]?)\) exceeds? available HBM \(([\d.]+)([KMGT]?)\)"),
    re.compile(r"Used ([\d.]+)([KMGT]?) of ([\d.]+)([KMGT]?) hbm"),
)


@dataclasses.dataclass(frozen=True)
class Compiled:
    """A compiled program, as the compiler reports it; all figures are of one device.

    Attributes:
      text: the optimised program, empty where it does not fit.
      fits: whether the compiler placed it in memory.
      peak_bytes: most memory in use at once; where it does not fit, what it would need: of temporaries alone, where
        ``temporary_bytes`` is the same.
      limit_bytes: what the compiler allows, known where it does not fit; 0 elsewhere.
      argument_bytes: of the arguments.
      temporary_bytes: of everything between arguments and results.
      flops: the compiler's count, elementwise arithmetic included and bodies of loops once.
      bytes: the compiler's count, on-chip memory included and bodies of loops once.
      seconds: that compiling took.
      reused: whether it was found on disk.
    """

    text: str
    fits: bool
    peak_bytes: int
    limit_bytes: int
    argument_bytes: int
    temporary_bytes: int
    flops: float
    bytes: float
    seconds: float
    reused: bool = False


def compile_program(lowered: Any, mesh: Mesh, *, name: str, cache_dir: str | None) -> Compiled:
    """Compiles what ``jax.jit(f).lower(...)`` returned; call it inside ``jax.set_mesh(mesh)``.

    Args:
      lowered: the traced program.
      mesh: whose devices it is for.
      name: of the topology, for the key of the copy on disk.
      cache_dir: where results are kept, by a digest of the program, topology and compiler; None for nowhere. Figures
        are kept, not executables.

    Raises:
      ValueError: where compilation fails for another reason than memory.
    """
    place = None
    if cache_dir is not None:
        place = Path(cache_dir).expanduser() / f"{_digest(lowered, mesh, name)}.json.gz"
        if place.exists():
            return dataclasses.replace(Compiled(**json.loads(gzip.decompress(place.read_bytes()))), reused=True)
    began = time.perf_counter()
    try:
        result = report_of(lowered.compile())
    except jax.errors.JaxRuntimeError as error:
        result = _out_of_memory(str(error), time.perf_counter() - began)
    result = dataclasses.replace(result, seconds=time.perf_counter() - began)
    if place is not None:
        place.parent.mkdir(parents=True, exist_ok=True)
        written = place.with_suffix(f".{time.time_ns()}")
        written.write_bytes(gzip.compress(json.dumps(dataclasses.asdict(result)).encode()))
        written.replace(place)  # a reader sees the whole file or none
    return result


def _digest(lowered: Any, mesh: Mesh, name: str) -> str:
    versions = [jax.__version__]
    for package in ("jaxlib", "libtpu"):
        try:
            versions.append(importlib.metadata.version(package))
        except importlib.metadata.PackageNotFoundError:
            versions.append("")
    head = json.dumps([name, dict(mesh.shape), versions])
    return hashlib.sha256((head + lowered.as_text()).encode()).hexdigest()[:32]


def report_of(compiled: Any) -> Compiled:
    """The compiler's figures of an executable (``jax.jit(f).lower(...).compile()``)."""
    memory, cost = compiled.memory_analysis(), compiled.cost_analysis() or {}
    held = memory.argument_size_in_bytes + memory.output_size_in_bytes - memory.alias_size_in_bytes
    peak = getattr(memory, "peak_memory_in_bytes", 0) or held + memory.temp_size_in_bytes
    return Compiled(
        text=compiled.as_text(),
        fits=True,
        peak_bytes=int(peak),
        limit_bytes=0,
        argument_bytes=int(memory.argument_size_in_bytes),
        temporary_bytes=int(memory.temp_size_in_bytes),
        flops=float(cost.get("flops", 0.0)),
        bytes=float(cost.get("bytes accessed", 0.0)),
        seconds=0.0,
    )


def _out_of_memory(message: str, seconds: float) -> Compiled:
    for place, pattern in enumerate(_OUT_OF_MEMORY):
        if found := pattern.search(message):
            used, limit = (round(float(found.group(k)) * _UNIT[found.group(k + 1)]) for k in (1, 3))
            temporaries = used if place == 0 else 0
            return Compiled("", False, used, limit, 0, temporaries, 0.0, 0.0, seconds)
    raise ValueError(f"compilation failed: {message.strip().splitlines()[0][:500]}")
