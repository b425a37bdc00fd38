"""A run that is killed with SIGKILL again and again ends where an undisturbed one ends, bit for bit."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest

from jaxgan.cli.run import open_run
from jaxgan.training.checkpoint import Checkpoints
from jaxgan.training.logging import read_metrics

STEPS, KILLS = 100, 10
COMMAND = [
    sys.executable,
    "-m",
    "jaxgan",
    "train",
    "--config=biggan:digits16,smoke",
    "--no_progress",
    f"--config.training.steps={STEPS}",
    "--config.training.save_every=1",
    "--config.evaluation.tstr=false",
]


def environment(cache: Path) -> dict[str, str]:
    return os.environ | {
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": "--xla_backend_optimization_level=0",
        "JAX_COMPILATION_CACHE_DIR": str(cache),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }


def start(workdir: Path, cache: Path) -> subprocess.Popen:
    with open(workdir.with_suffix(".log"), "a") as log:
        return subprocess.Popen([*COMMAND, f"--workdir={workdir}"], env=environment(cache), stdout=log, stderr=log)


def newest(workdir: Path) -> int:
    return max((int(p.name) for p in (workdir / "checkpoints").glob("[0-9]*") if p.name.isdigit()), default=0)


def state_of(workdir: Path):
    run = open_run(workdir)
    checkpoints = Checkpoints(workdir)
    state, _ = checkpoints.restore(
        jax.tree.map(lambda x: jax.device_put(np.zeros(x.shape, x.dtype)), run.experiment.shapes())
    )
    checkpoints.close()
    return state


@pytest.mark.timeout(600)
def test_killed_run_equals_undisturbed_run(tmp_path):
    cache, whole, killed = tmp_path / "cache", tmp_path / "whole", tmp_path / "killed"
    assert start(whole, cache).wait(timeout=300) == 0, whole.with_suffix(".log").read_text()[-2000:]

    rng, kills = random.Random(0), 0
    while kills < KILLS:
        before = newest(killed)
        process = start(killed, cache)
        # One in five dies on its way up; the others somewhere in the next steps, each of which is saved.
        if kills % 5:
            target = before + rng.randint(1, 5)
            while newest(killed) < target and process.poll() is None:
                time.sleep(0.02)
            time.sleep(rng.uniform(0.0, 0.5))
        else:
            time.sleep(rng.uniform(0.5, 6.0))
        assert process.poll() is None, f"ended before kill {kills}:\n{killed.with_suffix('.log').read_text()[-2000:]}"
        process.send_signal(signal.SIGKILL)
        process.wait()
        kills += 1
    assert newest(killed) < STEPS, "every kill came before the end"
    assert start(killed, cache).wait(timeout=300) == 0, killed.with_suffix(".log").read_text()[-2000:]

    one, other = state_of(whole), state_of(killed)
    assert int(one.step) == int(other.step) == STEPS
    for (path, a), b in zip(jax.tree_util.tree_leaves_with_path(one), jax.tree.leaves(other)):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b), err_msg=jax.tree_util.keystr(path))

    # Records, too: every step once, and the same.
    lines = (killed / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == list(range(1, STEPS + 1))
    for a, b in zip(read_metrics(whole / "metrics.jsonl"), read_metrics(killed / "metrics.jsonl")):
        assert {k: v for k, v in a.items() if not k.startswith("perf/")} == {
            k: v for k, v in b.items() if not k.startswith("perf/")
        }
    assert not (killed / "quarantine").exists()
