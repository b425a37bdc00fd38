"""SIGTERM to a real run, wherever it is: exit code 42 within the grace time, and the same command goes on."""

import os
import signal
import subprocess
import sys
import time

import pytest

from jaxgan.training.records import read_records

pytestmark = [pytest.mark.slow, pytest.mark.faults, pytest.mark.timeout(600)]

STEPS = 2000
# What two busy cores take for one dispatch and one save of networks this small, and to end a process.
GRACE_SECONDS = 10.0


def test_sigterm_ends_a_run_within_its_grace_time_wherever_it_is(tmp_path):
    workdir, log = tmp_path / "run", tmp_path / "log"
    command = [
        *(sys.executable, "-m", "jaxgan", "train", "--config=cgan:ring8,smoke", f"--workdir={workdir}"),
        *("--no_progress", f"--config.training.steps={STEPS}", "--config.training.save_every=2"),
        *("--config.training.log_every=1", "--config.evaluation.every_steps=1000000"),
        "--config.evaluation.num_points=100000",
    ]
    environment = os.environ | {"XLA_FLAGS": "--xla_backend_optimization_level=0"}

    def step():
        return max((record["step"] for record in read_records(workdir / "metrics.jsonl")), default=0)

    # Where the run is -> whether it has come there, and how much longer to wait.
    places = {
        "importing": (lambda: True, 1.0),
        "compiling": (lambda: "parameters:" in log.read_text(), 0.2),
        "stepping and saving": (lambda: step() >= 20, 0.0),
        "evaluating": (lambda: (workdir / "pending.json").exists(), 0.5),
    }
    for place, (has_come, seconds) in places.items():
        with log.open("w") as file:
            process = subprocess.Popen(command, env=environment, stdout=file, stderr=file)
        try:
            while not has_come():
                assert process.poll() is None, log.read_text()
                time.sleep(0.02)
            time.sleep(seconds)
            before, began = step(), time.monotonic()
            process.send_signal(signal.SIGTERM)
            code = process.wait(timeout=60)
        finally:
            process.kill()
            process.wait()
        took = time.monotonic() - began
        print(f"SIGTERM while {place}: exit code {code} after {took:.2f} s")
        assert code == 42 and took < GRACE_SECONDS, log.read_text()
        newest = max((int(p.name) for p in (workdir / "checkpoints").glob("*") if p.name.isdigit()), default=0)
        assert newest >= before, "a step that was trained is not saved"
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert [record["step"] for record in read_records(workdir / "metrics.jsonl")] == list(range(1, STEPS + 1))
