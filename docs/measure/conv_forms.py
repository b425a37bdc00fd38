"""Times the forms of a convolution in turns, forwards and with both gradients, over layers of BigGAN-128.

    python docs/measure/conv_forms.py --batch=8 --rounds=5 --dtype=bfloat16

Prints a JSON line a layer: median milliseconds of each form, and that of XLA's over the fastest one's.
"""

import argparse
import functools
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxgan.nn.conv_forms import FORMS, conv_in_form

# Side, channels in and out, of kernels of 3x3.
LAYERS = (
    (8, 1536, 1536),
    (16, 1536, 1536),
    (32, 768, 768),
    (64, 384, 192),
    (64, 192, 192),
    (128, 96, 96),
)
PADS = ((1, 1), (1, 1))


def seconds(run: Callable[[], Any]) -> float:
    """Of one call."""
    began = time.perf_counter()
    jax.block_until_ready(run())
    return time.perf_counter() - began


def timed(side: int, inputs: int, outputs: int, *, batch: int, rounds: int, dtype: str) -> dict[str, Any]:
    """One layer's times."""
    one, other = jax.random.split(jax.random.key(0))
    x = jax.random.normal(one, (batch, side, side, inputs), dtype)
    kernel = jax.random.normal(other, (3, 3, inputs, outputs), jnp.float32) / (9 * inputs) ** 0.5

    def forward(form: str) -> Callable[..., Any]:
        return jax.jit(functools.partial(conv_in_form, pads=PADS, form=form))

    def gradients(form: str) -> Callable[..., Any]:
        def loss(x: Any, kernel: Any) -> Any:
            return jnp.square(conv_in_form(x, kernel, PADS, form=form).astype(jnp.float32)).sum()

        return jax.jit(jax.grad(loss, (0, 1)))

    found: dict[str, Any] = {"side": side, "inputs": inputs, "outputs": outputs, "batch": batch, "dtype": dtype}
    for name, make in (("forward", forward), ("gradients", gradients)):
        calls = {form: functools.partial(make(form), x, kernel) for form in FORMS}
        for call in calls.values():
            seconds(call)
        times = [{form: seconds(call) for form, call in calls.items()} for _ in range(rounds)]
        medians = {form: statistics.median(each[form] for each in times) for form in FORMS}
        found[f"{name}_ms"] = {form: round(1e3 * value, 1) for form, value in medians.items()}
        best = min(medians, key=lambda form: medians[form])
        found[f"{name}_best"] = best
        found[f"{name}_ratio"] = round(statistics.median(each["xla"] / each[best] for each in times), 2)
    return found


def main() -> None:
    """Prints the lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dtype", default="float32")
    parsed = parser.parse_args()
    for layer in LAYERS:
        print(json.dumps(timed(*layer, batch=parsed.batch, rounds=parsed.rounds, dtype=parsed.dtype)), flush=True)


if __name__ == "__main__":
    main()
