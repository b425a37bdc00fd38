"""The cost of `training.health`: a config's step with it and without it, in turns.

    python docs/measure/health_cost.py --config=biggan:cifar10,narrow --rounds=15

Prints one JSON line: milliseconds of both, the median of the pairs' ratios, and the smallest and the largest of them.
"""

import argparse
import json
import os
import statistics
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any

import jax

from jaxgan.convolutions.measure import seconds_of
from jaxgan.experiment.config_file import load, split_overrides
from jaxgan.tools.bench.compiled import Training, compile_training
from jaxgan.training.health import Health
from jaxgan.training.step import make_stage_step
from jaxgan.training.xla_flags import fast_cpu_convolutions


def step_of(made: Training, health: Health | None) -> Callable[[], Any]:
    """A call of the compiled step, which keeps its state."""
    with jax.set_mesh(made.mesh):
        step = jax.jit(make_stage_step(made.stage, health=health))
        run = step.lower(made.state, made.batch, made.key).compile()
    return lambda: jax.block_until_ready(run(made.state, made.batch, made.key))


def main(arguments: Sequence[str]) -> None:
    """Prints the line."""
    rest, overrides = split_overrides(arguments)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", default="biggan:digits16")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--singular_values_every", type=int, default=1_000)
    parsed = parser.parse_args(rest)
    fast_cpu_convolutions()  # as the command line does
    config = load(parsed.config, overrides)
    config.training.convolutions = "xla"
    made = compile_training(config, devices=jax.devices()[:1], donate=False)
    sides = step_of(made, None), step_of(made, Health(singular_values_every=parsed.singular_values_every))
    for side in sides:
        side()
    times = [[seconds_of(side) for side in sides] for _ in range(parsed.rounds)]
    ratios = [watched / plain for plain, watched in times]
    medians = [round(1e3 * statistics.median(column), 2) for column in zip(*times)]
    record = {"config": parsed.config, "jaxlib": version("jaxlib"), "cores": len(os.sched_getaffinity(0))}
    record |= {"ms": medians[0], "with_health_ms": medians[1], "ratio": round(statistics.median(ratios), 3)}
    print(json.dumps(record | {"least": round(min(ratios), 3), "most": round(max(ratios), 3)}))


if __name__ == "__main__":
    main(sys.argv[1:])
