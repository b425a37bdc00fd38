"""launch/one_node.py is `jaxgan launch` with the verb train."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jaxgan.training.records import read_records


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--processes=0", "--", "--config=x", "--workdir=y"], "--procs=0: give at least 1 process"),
        (["--", "--config=biggan:digits16"], "required: --workdir. See `jaxgan train --help`"),
        (["--help"], "usage: jaxgan launch"),
    ],
)
def test_its_flags_are_those_of_launch_and_of_train(launch, words, said):
    done = subprocess.run([sys.executable, launch / "one_node.py", *words], capture_output=True, text=True)
    assert done.returncode == (0 if words == ["--help"] else 1)
    assert said in done.stdout + done.stderr


STEPS, KILLS = 30, 3


def children_of(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_two_processes_killed_at_random_end_as_an_undisturbed_run(launch, tmp_path, assert_same_end):
    environment = os.environ | {
        "XLA_FLAGS": "--xla_backend_optimization_level=0 --xla_force_host_platform_device_count=1",
        "JAX_COMPILATION_CACHE_DIR": str(tmp_path / "cache"),
        "JAX_ENABLE_COMPILATION_CACHE": "true",
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }

    def start(workdir: Path) -> subprocess.Popen:
        command = [
            *(sys.executable, launch / "one_node.py", "--processes=2", "--backoff_seconds=0.1", "--grace_seconds=2"),
            *("--restarts_without_progress=8", "--", "--config=biggan:digits16,smoke", f"--workdir={workdir}"),
            *("--no_progress", f"--config.training.steps={STEPS}", "--config.training.save_every=1"),
            "--config.evaluation.tstr=false",
        ]
        with workdir.with_suffix(".log").open("a") as log:
            return subprocess.Popen(command, env=environment, stdout=log, stderr=log)

    def said(workdir: Path) -> str:
        return workdir.with_suffix(".log").read_text()[-3000:]

    def newest(workdir: Path) -> int:
        return max((int(p.name) for p in (workdir / "checkpoints").glob("[0-9]*") if p.name.isdigit()), default=0)

    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert start(whole).wait(timeout=600) == 0, said(whole)

    rng, supervisor = random.Random(0), start(killed)
    for kill in range(KILLS):
        target, deadline = newest(killed) + rng.randint(1, 3), time.monotonic() + 400
        while newest(killed) < target or len(children_of(supervisor.pid)) < 2:
            assert supervisor.poll() is None and time.monotonic() < deadline, said(killed)
            time.sleep(0.02)
        # One after another: a process is killed, a process is told to stop, and the supervisor itself is.
        if kill % 3 == 2:
            supervisor.terminate()
            assert supervisor.wait(timeout=400) == 42, said(killed)
            supervisor = start(killed)
        else:
            os.kill(rng.choice(children_of(supervisor.pid)), (signal.SIGKILL, signal.SIGTERM)[kill % 3])
    assert newest(killed) < STEPS, "every kill came before the end"
    assert supervisor.wait(timeout=600) == 0, said(killed)

    assert_same_end(whole, killed, STEPS)
    assert [record["step"] for record in read_records(killed / "metrics.jsonl")] == list(range(1, STEPS + 1))
