"""launch/tpu_vm.sh against a fake gcloud whose two workers are folders of this machine."""

import contextlib
import dataclasses
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jaxgan.training.records import read_records

HERE = Path(__file__).parent

# What `python3` is on a worker: it notes what would be installed, and makes a venv whose Python is another program.
PYTHON3 = """#!/bin/sh
echo "$@" >>"$HOME/installed"
if [ "$2 $3" = "uv venv" ]; then mkdir -p venv/bin; ln -sf "{python}" venv/bin/python; fi
"""


@dataclasses.dataclass
class Cloud:
    folder: Path
    script: Path

    def environment(self) -> dict[str, str]:
        wanted = {"TPU_NAME": "mine", "ZONE": "here", "ACCELERATOR_TYPE": "v5litepod-8", "POLL_SECONDS": "0.3"}
        paths = {"PATH": f"{self.folder}/bin:{os.environ['PATH']}", "FAKE_GCLOUD": str(self.folder)}
        return os.environ | wanted | paths | {"RUNTIME_VERSION": "v2-alpha-tpuv5-lite"}

    def start(self, *arguments: str) -> subprocess.Popen:
        return subprocess.Popen(
            ["bash", str(self.script), *arguments],
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, code: int = 0) -> tuple[str, str]:
        process = self.start(*arguments)
        output = process.communicate(timeout=300)
        assert process.returncode == code, f"{arguments}: {output}"
        return output

    def calls(self) -> list[list[str]]:
        return [json.loads(line) for line in (self.folder / "calls.jsonl").read_text().splitlines()]

    def worker(self, index: int, name: str) -> str:
        path = self.folder / "workers" / str(index) / name
        return path.read_text() if path.exists() else ""

    def kill(self, worker: str = "", command: bytes = b"") -> int:
        """Ends what runs on the workers, or on one of them, by this command; returns how many processes."""
        mark, killed = f"FAKE_WORKER={self.folder}/workers/{worker}".encode(), 0
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if mark in (process / "environ").read_bytes() and command in (process / "cmdline").read_bytes():
                    os.kill(int(process.name), signal.SIGKILL)
                    killed += 1
        return killed


@pytest.fixture
def cloud(launch, tmp_path):
    for program in ("bash", "git", "flock", "nohup"):
        if shutil.which(program) is None:
            pytest.skip(f"no {program}; on Debian: apt-get install bash git util-linux coreutils")
    if subprocess.run(["git", "-C", str(launch), "rev-parse", "HEAD"], capture_output=True).returncode != 0:
        pytest.skip("launch/tpu_vm.sh sends the clone's commit, and this is no clone")
    made = Cloud(tmp_path, launch / "tpu_vm.sh")
    (tmp_path / "bin").mkdir()
    programs = {
        "gcloud": f'#!/bin/sh\nexec {sys.executable} {HERE / "fake_gcloud.py"} "$@"\n',
        "python3": PYTHON3.format(python=tmp_path / "bin" / "worker_python"),
    }
    for name, text in programs.items():
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    yield made
    made.kill()


def worker_python(cloud: Cloud, text: str) -> None:
    path = cloud.folder / "bin" / "worker_python"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def until(done, cloud: Cloud, seconds: int = 20) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        logs = [cloud.worker(index, "run.log")[-2000:] for index in range(2)]
        assert time.monotonic() < deadline, (logs, cloud.calls()[-3:])
        time.sleep(0.1)


def test_create_train_stop_resume_delete(cloud):
    worker_python(cloud, 'echo "$@" >>started; trap "exit 42" TERM; while [ ! -e finish ]; do sleep 0.1; done')
    cloud.run("create")
    (create,) = [call for call in cloud.calls() if call[3] == "create"]
    assert create[2:] == [
        *("queued-resources", "create", "mine", "--node-id=mine", "--accelerator-type=v5litepod-8"),
        *("--runtime-version=v2-alpha-tpuv5-lite", "--spot", "--zone=here", "--quiet"),
    ]
    for index in range(2):
        assert "./jaxgan[tpu,features] gcsfs" in cloud.worker(index, "installed")
        assert "jaxgan launch" in cloud.worker(index, "jaxgan/launch/one_node.py")

    flags = ("--config=biggan:imagenet128,table1=8", "--workdir=gs://bucket/a b")
    cloud.run("train", *flags)
    until(lambda: all(cloud.worker(index, "run.pid") for index in range(2)), cloud)
    assert cloud.run("status")[0] == "worker: running\n" * 2
    expected = f"jaxgan/launch/one_node.py -- {' '.join(flags)} --coordinator=auto\n"
    until(lambda: [cloud.worker(index, "started") for index in range(2)] == [expected] * 2, cloud)
    # A second start changes nothing.
    assert "running already" in cloud.run("train", *flags)[0]
    assert [cloud.worker(index, "started") for index in range(2)] == [expected] * 2

    cloud.run("stop")
    until(lambda: cloud.run("status")[0] == "worker: 42\n" * 2, cloud)

    for index in range(2):
        (cloud.folder / "workers" / str(index) / "finish").touch()
    cloud.run("resume", *flags)
    assert [cloud.worker(index, "started") for index in range(2)] == [expected * 2] * 2
    assert cloud.run("status")[0] == "worker: 0\n" * 2
    cloud.run("delete")
    assert not (cloud.folder / "state").exists()


def test_a_users_error_ends_resume(cloud):
    worker_python(cloud, "exit 1")
    _, said = cloud.run("resume", "--config=x", "--workdir=y", code=1)
    assert "a restart won't help" in said
    assert sum("one_node.py" in call[-3] for call in cloud.calls()) == 1


def test_failing_calls_are_made_again(cloud):
    worker_python(cloud, "exit 0")
    (cloud.folder / "failures").mkdir()
    plan = {name: cloud.folder / "failures" / name for name in ("list", "scp", "ssh")}
    plan["list"].write_text("1")
    # Whether there is a TPU is not known: none is asked for.
    assert "does not say whether there is a mine" in cloud.run("create", code=1)[1]
    assert [call[3] for call in cloud.calls()] == ["list"]
    # Neither a query nor a worker that fails once ends it; the machine is not touched before it is there.
    plan["list"].write_text("0 1")
    plan["scp"].write_text("1")
    plan["ssh"].write_text("1")
    assert cloud.run("create")[1].count("could not be set up; trying again") == 2
    verbs = [call[3] for call in cloud.calls()[1:]]
    assert verbs == ["list", "create", "list", "list", "list", "scp", "scp", "ssh", "scp", "ssh"]


def test_a_worker_that_fails_alone_is_started_again_but_not_for_ever(cloud):
    worker_python(cloud, "if [ -e broken ]; then exit 1; fi; echo >>started; while [ ! -e finish ]; do sleep 0.1; done")
    cloud.run("create")
    broken = cloud.folder / "workers" / "1" / "broken"
    broken.touch()
    watcher = cloud.start("resume", "--config=x", "--workdir=y")
    until(lambda: sum("one_node.py" in call[-3] for call in cloud.calls()) >= 2, cloud)
    broken.unlink()
    until(lambda: cloud.worker(1, "started"), cloud)
    assert cloud.worker(0, "started") == "\n"
    watcher.kill()
    watcher.communicate()

    broken.touch()
    cloud.kill("1")
    failed = subprocess.run(
        ["bash", str(cloud.script), "resume", "--config=x", "--workdir=y"],
        env=cloud.environment() | {"MAX_FAILURES": "1"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert failed.returncode == 1 and "exit code 1 of a worker, 2 times" in failed.stderr


def test_a_host_that_does_not_answer_is_asked_again_and_the_others_are_told_once(cloud):
    worker_python(cloud, 'echo >>started; trap "echo >>told; sleep 1; exit 42" TERM; while :; do sleep 0.1; done')
    cloud.run("create")
    failures = cloud.folder / "failures"
    failures.mkdir()
    (failures / "ssh-1").write_text("1 1")
    assert cloud.run("train", "--config=x", "--workdir=y")[1].count("does not answer; trying again") == 2
    until(lambda: [cloud.worker(index, "started") for index in range(2)] == ["\n"] * 2, cloud)
    (failures / "ssh-1").write_text("1 1")
    cloud.run("stop")
    until(lambda: cloud.run("status")[0] == "worker: 42\n" * 2, cloud)
    assert [cloud.worker(index, "told") for index in range(2)] == ["\n"] * 2
    (failures / "ssh-1").write_text("1 1 1 1 1")
    assert "in 5 tries; the others were told" in cloud.run("stop", code=1)[1]


def test_resume_says_that_it_waits(cloud):
    (cloud.folder / "failures").mkdir()
    (cloud.folder / "failures" / "list").write_text("1 1 0 0 0")
    worker_python(cloud, "exit 0")
    assert cloud.run("resume", "--config=x", "--workdir=y")[1].count("mine is unknown") == 2


def test_what_is_missing_is_said(cloud):
    assert "create, train, resume" in cloud.run("begin", code=1)[1]
    assert "flags of jaxgan train" in cloud.run("train", code=1)[1]
    for flags in (["--restart"], ["--from_step=3"], ["--from_step", "3"]):
        assert f"{flags[0]} would go back again" in cloud.run("resume", "--config=x", *flags, code=1)[1]
    for name, value in (("POLL_SECONDS", "soon"), ("MAX_FAILURES", "-1"), ("SPOT", "True")):
        done = subprocess.run(
            ["bash", str(cloud.script), "status"],
            env=cloud.environment() | {name: value},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 1 and f"{name}='{value}'; give" in done.stderr


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_two_workers_train_and_go_on_after_a_preemption(cloud):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    worker_python(
        cloud,
        f"""export JAX_PLATFORMS=cpu NPROC=16 JAX_COORDINATOR_PORT={port}
export JAX_ENABLE_COMPILATION_CACHE=true JAX_COMPILATION_CACHE_DIR={cloud.folder}/cache
export XLA_FLAGS="--xla_backend_optimization_level=0 --xla_force_host_platform_device_count=1"
export JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS=0
exec {sys.executable} "$@" """,
    )
    run, steps = cloud.folder / "bucket", 40
    watcher = cloud.start(
        *("resume", "--config=biggan:digits16,smoke", f"--workdir={run}", "--no_progress"),
        *(f"--config.training.steps={steps}", "--config.training.save_every=1", "--config.evaluation.tstr=false"),
    )

    def step() -> int:
        assert watcher.poll() is None, watcher.communicate()
        return max((record["step"] for record in read_records(run / "metrics.jsonl")), default=0)

    until(lambda: step() >= 4, cloud, seconds=400)
    # One process of one worker dies: the other worker's ends, and both supervisors start theirs again.
    assert cloud.kill("1", b"-m\0jaxgan\0train") == 1
    until(lambda: all("starting again" in cloud.worker(index, "run.log") for index in range(2)), cloud, seconds=400)
    before = step()
    until(lambda: step() > before, cloud, seconds=400)
    assert cloud.run("status")[0] == "worker: running\n" * 2

    # The whole TPU is taken.
    (cloud.folder / "state").write_text("SUSPENDED")
    cloud.kill()
    assert step() < steps
    _, said = watcher.communicate(timeout=600)
    assert watcher.returncode == 0, said

    verbs = [call[3] for call in cloud.calls() if call[2] == "queued-resources" and call[3] != "list"]
    assert verbs == ["create", "delete", "create"]
    assert [record["step"] for record in read_records(run / "metrics.jsonl")] == list(range(1, steps + 1))
    assert json.loads((run / "env.json").read_text())["processes"] == 2
