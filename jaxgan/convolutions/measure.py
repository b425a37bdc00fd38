"""The fastest form of each convolution on the processor at hand, measured."""

import math
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.convolutions.convolution import Convolution
from jaxgan.convolutions.forms import convolve, forms_of

# Another form is taken where it needs at most this share of XLA's time.
SHARE = 0.85
# Others are tried where XLA's takes this many times what products of its size would, and these seconds at least.
WASTE, LEAST_SECONDS = 2.0, 1e-4
ROUNDS = 5


def choose_by_measuring(found: Mapping[Convolution, int], *, seconds: float) -> dict[Convolution, str]:
    """The fastest form of each convolution that there was time for.

    XLA's form is timed first, of the convolutions of most work first, for half of the time; then the others, of those
    first for which XLA's wastes most.

    Args:
      found: convolutions with how often each is computed.
      seconds: for all of it, compilation included; the last one begun is finished.
    """
    began = time.perf_counter()
    several = [asked for asked in found if len(forms_of(asked)) > 1]
    rates = {dtype: product_rate(dtype) for dtype in {asked.dtype for asked in several}}

    def needed(asked: Convolution) -> float:
        return 2 * asked.multiply_adds / math.prod(asked.lhs_dilation) / rates[asked.dtype] + LEAST_SECONDS

    def suspected(asked: Convolution) -> float:
        # Gradients of kernels and of strided convolutions are what goes wrong, and those of groups.
        gradient = math.prod(asked.taps) > math.prod(asked.places) or set(asked.lhs_dilation) != {1}
        return found[asked] * needed(asked) * (8 if gradient or asked.feature_groups > 1 else 1)

    wasted: dict[Convolution, float] = {}
    for asked in sorted(several, key=suspected, reverse=True):
        if time.perf_counter() - began > seconds / 2:
            break
        took = first_seconds(compiled_form(asked, "xla"))
        if took > WASTE * needed(asked):
            wasted[asked] = found[asked] * (took - needed(asked))
    chosen = {}
    for asked in sorted(wasted, key=lambda asked: wasted[asked], reverse=True):
        if time.perf_counter() - began > seconds:
            break
        chosen[asked] = fastest(timed_forms(asked))
    return chosen


def product_rate(dtype: str) -> float:
    """FLOP/s of a product of matrices of such a type."""
    side = 512
    one = jnp.ones((side, side), dtype)
    run = jax.jit(jnp.matmul).lower(one, one).compile()
    return 2 * side**3 / first_seconds(lambda: jax.block_until_ready(run(one, one)))


def compiled_form(asked: Convolution, form: str) -> Callable[[], Any]:
    """A call of one form, on random operands."""
    rng = np.random.default_rng(0)
    lhs, rhs = (rng.standard_normal(shape, np.float32).astype(asked.dtype) for shape in (asked.lhs, asked.rhs))
    arguments = jax.device_put((lhs, rhs))
    run = jax.jit(lambda lhs, rhs: convolve(lhs, rhs, asked, form=form)).lower(*arguments).compile()
    return lambda: jax.block_until_ready(run(*arguments))


def seconds_of(call: Callable[[], Any]) -> float:
    """Of one call."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def first_seconds(call: Callable[[], Any]) -> float:
    """The least of a few calls, after one that is not counted."""
    call()
    return min(seconds_of(call) for _ in range(3))


def timed_forms(asked: Convolution, *, rounds: int = ROUNDS) -> dict[str, float]:
    """Median seconds of every form, in turns; of those that the first calls showed to be far behind, the least."""
    calls = {form: compiled_form(asked, form) for form in forms_of(asked)}
    first = {form: first_seconds(call) for form, call in calls.items()}
    near = [form for form in calls if form == "xla" or first[form] <= 1.5 * min(first.values())]
    times = [{form: seconds_of(calls[form]) for form in near} for _ in range(rounds)]
    return first | {form: statistics.median(each[form] for each in times) for form in near}


def fastest(times: Mapping[str, float]) -> str:
    """The fastest form, XLA's where no other is clearly faster."""
    best = min(times, key=lambda form: times[form])
    return best if times[best] <= SHARE * times["xla"] else "xla"
