"""Two real processes, one of which dies, stops, hangs or is interrupted: the job ends within the time configured."""

import itertools
import os
import re
import signal
import socket
import subprocess
import sys
import time

import pytest

from jaxgan.training.records import read_records

pytestmark = [pytest.mark.slow, pytest.mark.faults, pytest.mark.timeout(600)]

HEARTBEAT, STEP = 8, 6.0
# What a process needs to notice, to write stacks and to end, on two busy cores.
SLACK = 12.0


class Job:
    """Two processes that train for ever, in ``folder``."""

    def __init__(self, folder, *, fault="", flags=()):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.folder, self.processes = folder, []
        xla = "--xla_backend_optimization_level=0 --xla_force_host_platform_device_count=2"
        environment = os.environ | {"XLA_FLAGS": xla, "JAXGAN_FAULT": fault}
        for index in range(2):
            command = [
                *(sys.executable, "-m", "jaxgan", "train", "--config=cgan:ring8,smoke", f"--workdir={folder / 'run'}"),
                *(f"--coordinator=127.0.0.1:{port}", "--num_processes=2", f"--process_id={index}", "--no_progress"),
                *("--config.training.steps=1000000", "--config.training.save_every=50"),
                *("--config.training.log_every=10", "--config.evaluation.every_steps=1000000"),
                *(f"--config.watchdog.heartbeat={HEARTBEAT}", f"--config.watchdog.step={STEP}"),
                *flags,
            ]
            with (folder / f"{index}.log").open("w") as log:
                self.processes.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log))

    def said(self):
        return "\n".join(path.read_text()[-3000:] for path in sorted(self.folder.glob("*.log")))

    def until_step(self, step):
        deadline = time.monotonic() + 240
        while not any(record["step"] >= step for record in read_records(self.folder / "run" / "metrics.jsonl")):
            assert time.monotonic() < deadline and self.processes[0].poll() is None, self.said()
            time.sleep(0.05)

    def end_of(self, index, *, within):
        """Exit code of a process, and the seconds until it came."""
        began = time.monotonic()
        try:
            return self.processes[index].wait(timeout=within), time.monotonic() - began
        except subprocess.TimeoutExpired:
            pytest.fail(f"process {index} still runs after {within} s\n{self.said()}")


@pytest.fixture
def job(tmp_path):
    """Starts a job; ends what is left of it."""
    jobs = []

    def start(**options):
        jobs.append(Job(tmp_path, **options))
        return jobs[-1]

    yield start
    for process in itertools.chain(*(job.processes for job in jobs)):
        process.kill()
        process.wait()


@pytest.mark.parametrize("victim", [0, 1])
@pytest.mark.parametrize("name", ["SIGKILL", "SIGSTOP"])
def test_a_dead_or_stopped_peer_ends_the_job(job, name, victim, record_property):
    run = job()
    run.until_step(20)
    run.processes[victim].send_signal(getattr(signal, name))
    code, seconds = run.end_of(1 - victim, within=max(HEARTBEAT, STEP) + SLACK)
    record_property("seconds", seconds)
    print(f"{name} of process {victim}: the other ended with {code} after {seconds:.1f} s")
    assert code in (42, -signal.SIGABRT), run.said()
    # JAX ends a process by SIGABRT, the watchdog by 42: both with the stacks of all threads.
    said = (run.folder / f"{1 - victim}.log").read_text()
    if code == -signal.SIGABRT:
        assert "Fatal Python error: Aborted" in said and re.search(r"File .*training/loop\.py", said), said[-3000:]


@pytest.mark.parametrize(("kind", "section"), [("hang", "step"), ("hang_save", "save"), ("hang_evaluate", "evaluate")])
def test_a_peer_that_hangs_ends_the_job_with_stacks(job, kind, section):
    limits = [f"--config.watchdog.{name}={STEP}" for name in ("save", "evaluate")]
    run = job(fault=f"{kind}@50:1", flags=[*limits, "--config.evaluation.every_steps=50"])
    run.until_step(10)
    while not list((run.folder / "run").glob(f"faults/{kind}@50:1-1")):
        time.sleep(0.05)
    ends = [run.end_of(index, within=STEP + SLACK) for index in range(2)]
    print(f"{kind} of process 1: the processes ended with {ends}")
    assert ends[1][0] == 42 and ends[0][0] in (42, -signal.SIGABRT), run.said()
    text = next((run.folder / "run").glob("stacks-1-*.txt")).read_text()
    assert re.search(rf"stuck: {section} .*watchdog\.{section}=6", text) and "in _hang" in text


def test_an_interrupted_job_is_saved_at_an_agreed_step(job):
    run = job()
    run.until_step(20)
    run.processes[1].send_signal(signal.SIGINT)
    codes = [run.end_of(index, within=60)[0] for index in range(2)]
    assert codes == [42, 130], run.said()
    steps = set(re.findall(r"after saving step (\d+)", run.said()))
    assert len(steps) == 1
    assert (run.folder / "run" / "checkpoints" / steps.pop()).is_dir()


@pytest.mark.parametrize("told", [(0, 1), (0,), (1,)], ids=["both", "first", "second"])
def test_sigterm_ends_a_job_that_scores_within_its_grace_time(job, told, record_property):
    """A million points in batches of 16 take minutes; what was trained is saved."""
    run = job(flags=["--config.evaluation.every_steps=20", "--config.evaluation.num_points=1000000"])
    run.until_step(10)
    while not ((run.folder / "run" / "pending.json").exists() and (run.folder / "run" / "checkpoints" / "20").is_dir()):
        assert run.processes[0].poll() is None, run.said()
        time.sleep(0.05)
    time.sleep(1)
    for index in told:
        run.processes[index].send_signal(signal.SIGTERM)
    ends = [run.end_of(index, within=max(HEARTBEAT, STEP) + SLACK) for index in sorted(range(2), key=told[0].__ne__)]
    print(f"SIGTERM to {told} while scoring: the processes ended with {ends}")
    record_property("seconds", max(seconds for _, seconds in ends))
    assert ends[0][0] == 42 and ends[1][0] in (42, -signal.SIGABRT), run.said()
    assert "all that was trained is saved" in run.said()
    # The record of the scored step waits for its scores, which a process that was not told may still come to.
    assert [record["step"] for record in read_records(run.folder / "run" / "metrics.jsonl")] in ([10], [10, 20])


def test_an_error_of_one_process_is_its_exit_code_at_once(job):
    run = job(fault="enospc@50:0")
    run.until_step(40)
    code, _ = run.end_of(0, within=60)
    assert code == 1 and "no space left on device" in run.said()
    assert run.end_of(1, within=max(HEARTBEAT, STEP) + SLACK)[0] in (42, -signal.SIGABRT), run.said()
