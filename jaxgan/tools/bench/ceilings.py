"""Measured ceilings of the local device: matrix products and copies."""

import time
from typing import Any

import jax
import jax.numpy as jnp

# Sides of square matrices: the best of them counts, for no size is the best on every device.
_SIDES = {"cpu": (1024, 2048), "other": (4096, 8192, 16384)}
_COPY_BYTES = {"cpu": 2**28, "other": 2**31}


def best_seconds(call: Any, *, repeats: int) -> float:
    """The least time of a call, of ``repeats`` after one that is not counted: a ceiling is what nothing disturbed."""
    jax.block_until_ready(call())
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        jax.block_until_ready(call())
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def matmul_flops_per_second(dtype: str, sides: tuple[int, ...], *, repeats: int = 5) -> float:
    """The best rate of a product of two [side, side] matrices over ``sides``, two FLOPs a multiply-add."""
    multiply = jax.jit(jnp.matmul)
    rates = []
    for side in sides:
        x = jnp.full((side, side), 0.5, dtype)
        rates.append(2 * side**3 / best_seconds(lambda x=x: multiply(x, x), repeats=repeats))
    return max(rates)


def copy_bytes_per_second(size_bytes: int, *, repeats: int = 5) -> float:
    """Bytes/s, read and written, of adding 1 in place to an array of float32 that no cache holds."""
    x = jnp.zeros((size_bytes // 4,), jnp.float32)
    add = jax.jit(lambda x: x + 1, donate_argnums=0)

    def call() -> Any:
        nonlocal x
        x = add(x)
        return x

    return 2 * size_bytes / best_seconds(call, repeats=repeats)


def measure(*, tiny: bool = False) -> dict[str, float]:
    """'matmul_float32' and 'matmul_bfloat16' in FLOP/s, 'copy' in bytes/s, of one device.

    Args:
      tiny: small operands, to try the code: the figures are then below the device's.
    """
    kind = "cpu" if jax.default_backend() == "cpu" else "other"
    sides, size = ((128,), 2**20) if tiny else (_SIDES[kind], _COPY_BYTES[kind])
    return {
        "matmul_float32": matmul_flops_per_second("float32", sides),
        "matmul_bfloat16": matmul_flops_per_second("bfloat16", sides),
        "copy": copy_bytes_per_second(size),
    }
