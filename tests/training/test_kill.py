"""A run that is killed with SIGKILL again and again ends where an undisturbed one ends, bit for bit.

The run has two stages, and a checkpoint after every step; kills fall on its way up, in both stages, while a checkpoint
is written, and where the stages meet. Processes are forked from one that has imported all, and read their programs from
one compilation cache.
"""

import multiprocessing
import os
import random
import runpy
import signal
import time
from pathlib import Path

import pytest

from jaxgan.training.records import read_records

pytestmark = pytest.mark.faults

STEPS, KILLS = (12, 12), 5
# Of killed_run.py.
SAVE_EVERY = 1
SCRIPT = Path(__file__).with_name("killed_run.py")


@pytest.fixture(scope="module")
def processes():
    """Starts processes that have imported JAX and the trainer already."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["jaxgan.training.loop", "jaxgan.training.compilation_cache"])
    return context


def start(processes, workdir, cache):
    given = {"WORKDIR": str(workdir), "CACHE": str(cache), "STEPS": STEPS}
    process = processes.Process(target=runpy.run_path, args=(str(SCRIPT), given, "__main__"))
    process.start()
    return process


def newest(workdir):
    return max((int(p.name) for p in (workdir / "checkpoints").glob("[0-9]*") if p.name.isdigit()), default=0)


def digests(workdir):
    """The line that the run said of its last state."""
    return (workdir / "digest").read_text()


def test_a_killed_run_equals_an_undisturbed_one(processes, tmp_path):
    cache, whole, killed = tmp_path / "cache", tmp_path / "whole", tmp_path / "killed"
    process = start(processes, whole, cache)
    process.join(timeout=120)
    assert process.exitcode == 0

    rng, fallen = random.Random(0), []
    for kill in range(KILLS):
        before = newest(killed)
        process = start(processes, killed, cache)
        # One dies on its way up, one where the stages meet, the others a few steps on.
        if kill == 3:
            time.sleep(rng.uniform(0.1, 0.8))
        else:
            target = STEPS[0] if before < STEPS[0] and kill >= KILLS // 2 else before + rng.randint(1, 4)
            while newest(killed) < target and process.is_alive():
                time.sleep(0.005)
            time.sleep(rng.uniform(0.0, 0.05))
        assert process.is_alive(), f"ended before kill {kill}, at step {newest(killed)}"
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        fallen.append(newest(killed))
        # The next start goes on from there: the steps between two checkpoints are lost, and those that were trained
        # while the newer one was written.
        trained = max((r["step"] for r in read_records(killed / "metrics.jsonl")), default=0)
        assert trained - fallen[-1] <= 2 * SAVE_EVERY
    assert fallen[0] < STEPS[0] <= fallen[-1] < sum(STEPS), f"kills fell on {fallen}: one stage saw none"
    process = start(processes, killed, cache)
    process.join(timeout=120)
    assert process.exitcode == 0

    assert digests(whole) == digests(killed)
    # Records, too: every step once, and the same.
    ours, theirs = (read_records(workdir / "metrics.jsonl") for workdir in (whole, killed))
    assert [r["step"] for r in theirs] == list(range(1, sum(STEPS) + 1))
    for a, b in zip(ours, theirs, strict=True):
        assert {k: v for k, v in a.items() if not k.startswith("perf/")} == {
            k: v for k, v in b.items() if not k.startswith("perf/")
        }
    assert not (killed / "quarantine").exists()
