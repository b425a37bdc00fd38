"""A config's seeds as one program against one after another: are they the same runs, and how much sooner do they end?

python docs/measure/vmapped_study.py --config=gan:ring8 --seeds=8 --steps=200

Both train on the config's own data from step 0, in turns of ``--turn`` steps, so that a drifting machine affects both
equally. Batches are read beforehand; logs, scores and checkpoints are left out. One after another the seeds share one
compiled program here.
"""

import argparse
import itertools
import json
import statistics
import sys
import time
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from jaxgan import recipes
from jaxgan.experiment.config_file import load, split_overrides
from jaxgan.experiment.mesh import experiment_mesh
from jaxgan.parallel import host_to_global
from jaxgan.tools.studies.ensemble_method import member_state, stacked_experiment
from jaxgan.training.method import Experiment
from jaxgan.training.state import TrainState
from jaxgan.training.step import compile_step, init_state, make_stage_step


class Training:
    """One experiment's first stage under one key or several, ready to be stepped."""

    def __init__(self, experiments: Sequence[Experiment], seeds: Sequence[int], mesh: Mesh, *, steps: int):
        """The first experiment's program, for each of ``experiments`` with its own weights, data and key."""
        self.mesh, self.done = mesh, 0
        pairs = [jax.random.split(jax.random.key(seed)) for seed in seeds]
        self.keys = [pair[1] for pair in pairs]
        first = experiments[0]
        state, where = init_state(first, rng=pairs[0][0], mesh=mesh)
        with jax.set_mesh(mesh):
            fresh = jax.jit(first.fresh_state, out_shardings=where)
            self.states = [state, *(fresh(pair[0]) for pair in pairs[1:])]
        self.batches = [
            [host_to_global(batch, mesh) for batch in itertools.islice(e.stages[0].data(0), steps)] for e in experiments
        ]
        step = compile_step(make_stage_step(first.stages[0]), mesh, where)
        began = time.perf_counter()
        with jax.set_mesh(mesh):
            self.run = step.compile(state, self.batches[0][0], self.keys[0])
        self.compile_seconds = time.perf_counter() - began

    def turn(self, steps: int) -> float:
        """Takes ``steps`` steps in every state; returns the seconds."""
        began = time.perf_counter()
        with jax.set_mesh(self.mesh):
            for number, (state, batches, key) in enumerate(zip(self.states, self.batches, self.keys)):
                for batch in batches[self.done : self.done + steps]:
                    state, _ = self.run(state, batch, key)
                self.states[number] = jax.block_until_ready(state)
        self.done += steps
        return time.perf_counter() - began


def largest_difference(state: TrainState, singles: Sequence[TrainState]) -> tuple[float, float]:
    """Largest (absolute, relative) difference of values over all members and networks."""
    absolute = relative = 0.0
    for member, single in enumerate(singles):
        pairs = zip(jax.tree.leaves(member_state(state, member).nets), jax.tree.leaves(single.nets), strict=True)
        for a, b in ((np.asarray(x, np.float64), np.asarray(y, np.float64)) for x, y in pairs):
            gap = np.abs(a - b)
            absolute = max(absolute, float(gap.max()))
            relative = max(relative, float(gap.max() / max(np.abs(b).max(), 1e-12)))
    return absolute, relative


def measure(config: Any, *, seeds: int, steps: int, turn: int) -> dict[str, Any]:
    """Trains both ways, and compares.

    Args:
      config: an experiment's.
      seeds: how many, from 0.
      steps: of every run.
      turn: steps between the changes from one way to the other; must divide ``steps``.

    Returns:
      Seconds of both, the median over turns of their ratio (``speedup``), seconds of either compilation, and the
      largest differences after one step and after all.

    Raises:
      ValueError: where ``turn`` does not divide ``steps``, or there are no steps after the first turn, which warms up.
    """
    if steps % turn or steps < 2 * turn:
        raise ValueError(f"turn={turn} must divide steps={steps}, twice at least")
    experiments = []
    for seed in range(seeds):
        own = config.copy_and_resolve_references()
        own.seed = seed
        experiments.append(recipes.build(own))
    mesh, numbers = experiment_mesh(config), range(seeds)
    whole = stacked_experiment(experiments, names=[f"seed{seed}" for seed in numbers], seeds=numbers)
    together = Training([whole], [0], mesh, steps=steps + 1)
    singly = Training(experiments, numbers, mesh, steps=steps + 1)
    together.turn(1), singly.turn(1)
    after_one = largest_difference(together.states[0], singly.states)
    taken = [(together.turn(turn), singly.turn(turn)) for _ in range(steps // turn)]
    after_all = largest_difference(together.states[0], singly.states)
    return {
        "device": jax.devices()[0].device_kind,
        "devices": mesh.size,
        "recipe": config.recipe,
        "seeds": seeds,
        "steps": steps,
        "compile_seconds": {"vmapped": round(together.compile_seconds, 2), "single": round(singly.compile_seconds, 2)},
        "step_milliseconds": {
            "vmapped": round(1e3 * statistics.median(a for a, _ in taken) / turn, 3),
            "sequential": round(1e3 * statistics.median(b for _, b in taken) / turn, 3),
        },
        "speedup": round(statistics.median(b / a for a, b in taken), 3),
        "largest_difference_after_one_step": dict(zip(("absolute", "relative"), after_one)),
        "largest_difference": dict(zip(("absolute", "relative"), after_all)),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints one JSON line."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--config", default="gan:ring8", help="as for `jaxgan train`; with --config.section.key=value")
    made.add_argument("--seeds", type=int, default=8)
    made.add_argument("--steps", type=int, default=200, help="of every run")
    made.add_argument("--turn", type=int, default=20, help="steps between changes from one way to the other")
    rest, overrides = split_overrides(sys.argv[1:] if arguments is None else arguments)
    parsed = made.parse_args(rest)
    config = load(parsed.config, overrides)
    print(json.dumps(measure(config, seeds=parsed.seeds, steps=parsed.steps, turn=parsed.turn)))


if __name__ == "__main__":
    main()
