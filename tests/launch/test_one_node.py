"""The supervisor of one machine: which exit codes restart, when it gives up, how signals pass, and a real run."""

import itertools
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from jaxgan.training.records import read_records


@pytest.fixture
def supervised(one_node, tmp_path, monkeypatch):
    """Supervises processes that play the attempts given: an attempt is a list of (shell script) per process."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def run(*attempts, limit=2, grace=0.5):
        remaining = iter(attempts)
        monkeypatch.setattr(one_node, "commands", lambda flags, n: [["sh", "-c", s] for s in next(remaining)])
        code = one_node.supervise(
            [f"--workdir={tmp_path}"],
            processes=len(attempts[0]),
            backoff_seconds=0.01,
            restarts_without_progress=limit,
            grace_seconds=grace,
        )
        return code, len(list(remaining))

    yield run
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("code", [42, 134, 137, 143])
def test_these_codes_start_again(supervised, code):
    assert supervised([f"exit {code}"], ["exit 0"]) == (0, 0)


@pytest.mark.parametrize("code", [0, 1, 2, 130])
def test_other_codes_are_final(supervised, code):
    assert supervised([f"exit {code}"], ["exit 0"]) == (code, 1)


@pytest.mark.parametrize("name", ["ABRT", "KILL"])
def test_deaths_by_signal_start_again(supervised, name):
    assert supervised([f"kill -{name} $$"], ["exit 0"]) == (0, 0)


def test_restarts_without_a_checkpoint_are_few_and_with_one_have_no_end(supervised, tmp_path, capsys):
    assert supervised(*itertools.repeat(["exit 134"], 9)) == (1, 6)
    assert "3 starts in a row brought no checkpoint" in capsys.readouterr().err
    moving = [[f"mkdir -p {tmp_path}/checkpoints/{step}; exit 137"] for step in range(8)]
    assert supervised(*moving, ["exit 0"]) == (0, 0)
    # A half-written checkpoint is none.
    part = [f"mkdir -p {tmp_path}/checkpoints/$$.orbax-checkpoint-tmp; exit 137"]
    assert supervised(*itertools.repeat(part, 9)) == (1, 6)


def test_the_first_process_to_fail_decides_and_the_others_are_killed(supervised):
    began = time.monotonic()
    assert supervised(["exit 1", "sleep 60"], ["exit 0", "exit 0"]) == (1, 1)
    assert supervised(["sleep 60", "kill -KILL $$"], ["exit 0", "exit 0"]) == (0, 0)
    assert time.monotonic() - began < 10


def test_a_process_that_is_saving_is_not_killed(supervised, tmp_path):
    slow = f"sleep 1.5; touch {tmp_path}/saved; exit 42"
    assert supervised(["exit 42", slow], ["exit 0", "exit 0"], grace=0.2) == (0, 0)
    assert (tmp_path / "saved").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_reach_the_processes_as_sigterm_and_end_the_supervisor(supervised, number):
    waits = "trap 'exit 42' TERM; trap 'exit 9' INT; while :; do sleep 0.1; done"
    threading.Timer(1.0, os.kill, (os.getpid(), number)).start()
    assert supervised([waits, waits], ["exit 0", "exit 0"]) == (42, 1)


def test_commands_of_several_processes(one_node):
    flags = ["--config=biggan:digits16,smoke", "--workdir=x"]
    assert one_node.commands(flags, 1) == [[sys.executable, "-m", "jaxgan", "train", *flags]]
    first, second = one_node.commands(flags, 2)
    assert first[:-1] == second[:-1] and first[-2] == "--num_processes=2"
    assert (first[-1], second[-1]) == ("--process_id=0", "--process_id=1")
    assert one_node.environment(1, 2)["JAX_LOCAL_DEVICE_IDS"] == "1"
    with pytest.raises(ValueError, match="--coordinator=auto and --processes=2"):
        one_node.commands([*flags, "--coordinator=auto"], 2)


def test_the_run_folder_is_the_trainings(one_node):
    assert str(one_node.workdir_of(["--config=x", "--workdir", "runs/a"])) == "runs/a"
    assert str(one_node.workdir_of(["--workdir=gs://bucket/a"])) == "gs://bucket/a"
    with pytest.raises(ValueError, match="no --workdir"):
        one_node.workdir_of(["--config=x"])


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
        # In turn: a process is killed, a process is told to stop, and the supervisor itself is.
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
