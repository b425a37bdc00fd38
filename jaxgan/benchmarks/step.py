"""Times the training step with and without donation: ``python -m jaxgan.benchmarks.step --config=NAME``.

Prints a JSON object: compile seconds; then, for each, the step's median milliseconds, images/s and peak bytes. On CPU,
  which counts no
memory, peaks are the compiler's: arguments + outputs + temporaries - what donation aliases.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from jaxgan import recipes
from jaxgan.recipes.config_file import load, split_overrides
from jaxgan.parallel import host_to_global, make_mesh
from jaxgan.training.step import compile_step, init_state, make_step


def _copy(state: Any) -> Any:
    return jax.tree.map(lambda x: jax.device_put(np.array(x), x.sharding), state)


def measure(config: Any, *, steps: int) -> dict[str, Any]:
    """Compiles the step both ways and runs them in turn, A B A B, so that a drifting machine bears on both alike.

    Returns:
      The record that is printed; ``ratio`` is of images/s, donated over not, the median of pairs.
    """
    experiment = recipes.build(config)
    stage = experiment.stages[0]
    mesh = make_mesh(data=config.parallel.data, fsdp=config.parallel.fsdp)
    state, where = init_state(experiment, rng=jax.random.key(0), mesh=mesh)
    rng = np.random.default_rng(0)
    host = {
        "image": rng.integers(0, 256, stage.batch["image"].shape, np.uint8),
        "label": rng.integers(0, config.generator.num_classes, stage.batch["label"].shape, np.int32),
    }
    batch, key = host_to_global(host, mesh), jax.random.key(0)
    record: dict[str, Any] = {"device": jax.devices()[0].device_kind, "devices": mesh.size, "steps": steps}
    compiled, states = {}, {}
    seconds: dict[bool, list[float]] = {True: [], False: []}
    with jax.set_mesh(mesh):
        for donate in (True, False):
            step = compile_step(make_step(stage.method, ema=experiment.ema), mesh, where, donate=donate)
            began = time.perf_counter()
            compiled[donate] = step.lower(state, batch, key).compile()
            record["compile_seconds"] = round(time.perf_counter() - began, 2)
            states[donate], _ = jax.block_until_ready(compiled[donate](_copy(state), batch, key))
        for _ in range(steps):
            for donate in (True, False):
                began = time.perf_counter()
                states[donate], _ = jax.block_until_ready(compiled[donate](states[donate], batch, key))
                seconds[donate].append(time.perf_counter() - began)
    for donate in (True, False):
        memory = compiled[donate].memory_analysis()
        peak = memory.argument_size_in_bytes + memory.output_size_in_bytes + memory.temp_size_in_bytes
        median = statistics.median(seconds[donate])
        record["donated" if donate else "not_donated"] = {
            "step_milliseconds": round(1e3 * median, 2),
            "images_per_second": round(stage.images_per_step / median, 1),
            "peak_bytes_per_device": peak - memory.alias_size_in_bytes,
        }
    record["ratio"] = round(statistics.median(b / a for a, b in zip(seconds[True], seconds[False])), 3)
    return record


def main(arguments: Sequence[str]) -> int:
    """Parses, measures, prints."""
    rest, overrides = split_overrides(arguments)
    parser = argparse.ArgumentParser(prog="python -m jaxgan.benchmarks.step", description=__doc__)
    parser.add_argument("--config", required=True)
    parser.add_argument("--steps", type=int, default=20, help="timed steps each way (default 20)")
    parsed = parser.parse_args(rest)
    print(json.dumps(measure(load(parsed.config, overrides), steps=parsed.steps), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
