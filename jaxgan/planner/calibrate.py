"""Measures the device at hand: its ceilings, and one step against what the planner says of it."""

import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxgan.planner.hardware import Hardware
from jaxgan.planner.topology import Topology


def median_seconds(call: Callable[[], Any], *, repeats: int = 7) -> float:
    """The median of some timed calls, after one that is not timed."""
    jax.block_until_ready(call())
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        jax.block_until_ready(call())
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def product_ceiling(dtype: Any, *, size: int) -> float:
    """FLOP/s of a product of two [size, size] matrices."""
    x = jnp.ones((size, size), dtype)
    multiply = jax.jit(jnp.dot)
    return 2 * size**3 / median_seconds(lambda: multiply(x, x))


def copy_ceiling(*, size_bytes: int) -> float:
    """Bytes/s, read and written, of adding one to an array of float32 that no cache holds."""
    x = jnp.ones((size_bytes // 4,), jnp.float32)
    add = jax.jit(lambda x: x + 1)
    return 2 * size_bytes / median_seconds(lambda: add(x))


def kernel_seconds(*, count: int = 200) -> float:
    """Seconds that a kernel costs however little it does: of a program of many small dependent products."""
    x = jnp.ones((8, 8), jnp.float32)

    def chain(x: Array) -> Array:
        for _ in range(count):
            x = jnp.tanh(x @ x)
        return x

    program = jax.jit(chain)
    return median_seconds(lambda: program(x)) / count


def local_hardware() -> Hardware:
    """The device at hand as a row of the hardware table, by measurement; several devices of one CPU share it."""
    device = jax.devices()[0]
    here = device.platform
    family = {"cpu": "cpu", "tpu": "tpu"}.get(here, "gpu")
    size, copied = (1024, 2**28) if family == "cpu" else (8192, 2**30)
    peak = {"f32": product_ceiling(jnp.float32, size=size), "bf16": product_ceiling(jnp.bfloat16, size=size)}
    if family == "cpu":
        memory = float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    else:
        memory = float((device.memory_stats() or {}).get("bytes_limit", 0))
    bandwidth = copy_ceiling(size_bytes=copied)
    return Hardware(f"local ({device.device_kind})", family, peak, memory, bandwidth, 0.0, 0, 1, None, "measured")


def local_topology(*, devices: int | None = None) -> Topology:
    """This machine's devices, or the first of them, with measured figures."""
    count = jax.device_count() if devices is None else devices
    return Topology("local", local_hardware(), count, (count,))


def compare(
    plan: dict[str, Any], *, kernels: int, kernel_overhead_seconds: float, measured_seconds: float
) -> dict[str, float]:
    """The planner's times beside a measured step's; errors are (predicted - measured) / measured.

    Args:
      plan: the record of the step on the device at hand.
      kernels: that the step runs.
      kernel_overhead_seconds: of each, see :func:`kernel_seconds`.
      measured_seconds: of the step.

    Returns:
      ``roofline``: the bound; ``model``: kernels one after the other, each the larger of its arithmetic and traffic,
      and the overhead of each.
    """
    bound = plan["step_seconds"]
    model = plan["kernels_seconds"] + kernels * kernel_overhead_seconds
    return {
        "measured_seconds": measured_seconds,
        "roofline_seconds": bound,
        "roofline_error": bound / measured_seconds - 1,
        "model_seconds": model,
        "model_error": model / measured_seconds - 1,
        "kernels": kernels,
        "kernel_overhead_seconds": kernel_overhead_seconds,
    }
