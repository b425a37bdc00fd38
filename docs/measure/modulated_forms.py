"""Times the two forms of a modulated convolution in pairs: scaled inputs and outputs, or weights of each example's own.

    python docs/measure/modulated_forms.py --batch=8 --rounds=3

Prints a JSON line a layer: milliseconds of either form, forwards and with all gradients, and their ratio.
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

from jaxgan.nn.modulated_conv import FORMS, modulated_conv

# Side of what comes in, channels, whether it doubles: of StyleGAN2 at 256 pixels.
LAYERS = (
    (8, 512, 512, False),
    (16, 512, 512, True),
    (64, 256, 256, False),
    (64, 256, 128, True),
    (128, 128, 128, False),
)


def seconds(run: Callable[[], Any]) -> float:
    """Of one call."""
    began = time.perf_counter()
    jax.block_until_ready(run())
    return time.perf_counter() - began


def compared(side: int, inputs: int, outputs: int, *, up: bool, batch: int, rounds: int) -> dict[str, Any]:
    """One layer's times."""
    keys = jax.random.split(jax.random.key(0), 3)
    given = (
        jax.random.normal(keys[0], (batch, side, side, inputs)),
        jax.random.normal(keys[1], (3, 3, inputs, outputs)),
        jax.random.normal(keys[2], (batch, inputs)),
    )

    def forward(form: str) -> Callable[..., Any]:
        return jax.jit(functools.partial(modulated_conv, up=up, form=form))

    def gradients(form: str) -> Callable[..., Any]:
        return jax.jit(jax.grad(lambda *x: jnp.square(modulated_conv(*x, up=up, form=form)).sum(), (0, 1, 2)))

    found: dict[str, Any] = {"side": side, "inputs": inputs, "outputs": outputs, "up": up, "batch": batch}
    for name, make in (("forward", forward), ("gradients", gradients)):
        calls = {form: functools.partial(make(form), *given) for form in FORMS}
        for call in calls.values():
            seconds(call)
        times = [{form: seconds(call) for form, call in calls.items()} for _ in range(rounds)]
        for form in FORMS:
            found[f"{name}_{form}_ms"] = round(1e3 * statistics.median(each[form] for each in times), 1)
        found[f"{name}_ratio"] = round(statistics.median(each["grouped"] / each["scaled"] for each in times), 2)
    return found


def main() -> None:
    """Prints the lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parsed = parser.parse_args()
    for side, inputs, outputs, up in LAYERS:
        found = compared(side, inputs, outputs, up=up, batch=parsed.batch, rounds=parsed.rounds)
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
