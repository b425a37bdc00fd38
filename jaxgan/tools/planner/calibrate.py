"""Calibration: measures the local device's ceilings, and compares one measured step with its plan."""

import functools
import os
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from jaxgan.tools.planner.hardware import Hardware
from jaxgan.tools.planner.topology import Topology


def timed(calls: Mapping[str, Callable[[], Any]], *, repeats: int) -> dict[str, list[float]]:
    """Times several calls in rotation, A B C A B C, so that a drifting machine affects all equally: seconds of each.

    The first round is not timed.
    """
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(repeats + 1):
        for name, call in calls.items():
            began = time.perf_counter()
            jax.block_until_ready(call())
            if turn:
                seconds[name].append(time.perf_counter() - began)
    return seconds


class Probe(NamedTuple):
    """Something that one ceiling bounds.

    Attributes:
      call: runs it.
      amount: FLOPs, bytes or kernels of a call.
    """

    call: Callable[[], Any]
    amount: float


def probes(family: str) -> dict[str, Probe]:
    """Probes of a device's ceilings: products by type, a copy that no cache holds, and kernels that do little."""
    side, values, kernels, passes = (1024, 2**24, 100, 8) if family == "cpu" else (8192, 2**28, 100, 8)
    found = {}
    for name, dtype in (("f32", jnp.float32), ("bf16", jnp.bfloat16)):
        x = jnp.ones((side, side), dtype)
        found[name] = Probe(functools.partial(jax.jit(jnp.dot), x, x), 2.0 * side**3)
    long = jnp.ones((values,), jnp.float32)

    # Several passes in one program: the pages of a fresh result would cost more than writing them.
    def add(x: Array) -> Array:
        return jax.lax.fori_loop(0, passes, lambda _, x: x + 1, x)

    found["copy"] = Probe(functools.partial(jax.jit(add), long), 2.0 * passes * long.nbytes)
    small = jnp.ones((8, 8), jnp.float32)

    def chain(x: Array) -> Array:
        for _ in range(kernels):
            x = jnp.tanh(x @ x)
        return x

    found["kernels"] = Probe(functools.partial(jax.jit(chain), small), float(kernels))
    return found


def family_of(device: Any) -> str:
    """'cpu', 'gpu' or 'tpu'."""
    return device.platform if device.platform in ("cpu", "tpu") else "gpu"


def hardware_from(seconds: Mapping[str, list[float]]) -> Hardware:
    """The device at hand as a row of the hardware table: the best of each probe's times."""
    device = jax.devices()[0]
    family = family_of(device)
    rate = {name: probe.amount / min(seconds[name]) for name, probe in probes(family).items()}
    if family == "cpu":
        memory = float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    else:
        memory = float((device.memory_stats() or {}).get("bytes_limit", 0))
    peak = {"f32": rate["f32"], "bf16": rate["bf16"]}
    name = f"local ({device.device_kind})"
    return Hardware(name, family, peak, memory, rate["copy"], 0.0, 0, 1, None, "measured")


def local_topology(hardware: Hardware | None = None, *, devices: int | None = None) -> Topology:
    """This machine's devices, or the first of them; its figures are measured where not given.

    Several simulated devices of one CPU share it, and each is taken for the whole.
    """
    if hardware is None:
        family = family_of(jax.devices()[0])
        calls = {name: probe.call for name, probe in probes(family).items()}
        hardware = hardware_from(timed(calls, repeats=5))
    count = jax.device_count() if devices is None else devices
    return Topology("local", hardware, count, (count,))


def compare(plan: Mapping[str, Any], seconds: Mapping[str, list[float]]) -> dict[str, float]:
    """Compares the planner's times with a measured step's; errors are (predicted - measured) / measured.

    Args:
      plan: the record of the step on the device at hand.
      seconds: of :func:`timed`, of the probes and the 'step'; the best of each counts.

    Returns:
      ``roofline``: the bound that plans state; ``model``: kernels one after the other, each the larger of its
      arithmetic and its traffic, and what a kernel costs however little it does.
    """
    measured = min(seconds["step"])
    overhead = min(seconds["kernels"]) / probes(plan["hardware"]["family"])["kernels"].amount
    model = plan["kernels_seconds"] + plan["kernels"] * overhead
    return {
        "measured_seconds": measured,
        "measured_median_seconds": statistics.median(seconds["step"]),
        "roofline_seconds": plan["step_seconds"],
        "roofline_error": plan["step_seconds"] / measured - 1,
        "model_seconds": model,
        "model_error": model / measured - 1,
        "kernels": plan["kernels"],
        "kernel_overhead_seconds": overhead,
    }
