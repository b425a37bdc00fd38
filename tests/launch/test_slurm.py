"""launch/slurm.sh under a real slurmctld with two slurmd on this machine: to the end, requeued, cancelled, in error."""

import dataclasses
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from jaxgan.training.records import read_records

SCRIPT = Path(__file__).parents[2] / "launch" / "slurm.sh"
NODES = ("n1", "n2")
STEPS = 30
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def until(done: Callable[[], bool], otherwise: str, *, seconds: int) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.2)


@dataclasses.dataclass
class Cluster:
    """Two nodes of two simulated GPUs each, on loopback."""

    folder: Path

    def environment(self) -> dict[str, str]:
        return os.environ | {"SLURM_CONF": str(self.folder / "slurm.conf")}

    def run(self, *command: str) -> str:
        done = subprocess.run(
            command, env=self.environment(), cwd=self.folder, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout.strip()

    def submit(self, *options: str, jaxgan: Path, flags: tuple[str, ...]) -> str:
        """Returns the job's number."""
        export = f"--export=ALL,JAXGAN={jaxgan}"
        return self.run("sbatch", "--parsable", "--nodes=2", "--time=15", export, *options, str(SCRIPT), *flags)

    def field(self, job: str, name: str) -> str:
        words = self.run("scontrol", "show", "job", job).split()
        return next(word.split("=", 1)[1] for word in words if word.startswith(f"{name}="))

    def log(self, job: str) -> str:
        path = self.folder / f"slurm-{job}.log"
        return path.read_text() if path.exists() else ""

    def wait(self, job: str, *states: str, seconds: int = 600) -> None:
        deadline = time.monotonic() + seconds
        while (state := self.field(job, "JobState")) not in states:
            assert time.monotonic() < deadline, f"job {job} is {state}:\n{self.log(job)[-3000:]}"
            assert state not in ("COMPLETED", "FAILED"), f"job {job} is {state}:\n{self.log(job)[-3000:]}"
            time.sleep(0.5)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    for daemon in ("munged", "slurmctld", "slurmd"):
        if shutil.which(daemon) is None:
            pytest.skip(f"no {daemon}; on Debian: apt-get install slurm-wlm munge")
    if os.getuid() != 0:
        pytest.skip("slurmd starts jobs as root only")
    try:
        assert {socket.gethostbyname(name) for name in NODES} == {"127.0.0.1"}
    except (OSError, AssertionError):
        pytest.skip("the nodes need names: echo 127.0.0.1 n1 n2 >> /etc/hosts")
    folder = tmp_path_factory.mktemp("slurm")
    (folder / "munge.key").write_bytes(os.urandom(128))
    (folder / "munge.key").chmod(0o400)
    for name, device in (("gpu0", "/dev/null"), ("gpu1", "/dev/zero")):
        (folder / name).symlink_to(device)
    sockets = {name: free_port() for name in ("ctld", *NODES)}
    (folder / "gres.conf").write_text(f"Name=gpu File={folder}/gpu[0-1]\n")
    (folder / "cgroup.conf").write_text("")
    nodes = "\n".join(
        f"NodeName={name} NodeHostname={socket.gethostname()} NodeAddr=127.0.0.1 Port={sockets[name]} CPUs=2 Gres=gpu:2"
        for name in NODES
    )
    (folder / "slurm.conf").write_text(f"""
ClusterName=test
SlurmctldHost={socket.gethostname()}(127.0.0.1)
SlurmctldPort={sockets["ctld"]}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
CredType=cred/munge
MpiDefault=none
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
GresTypes=gpu
ReturnToService=2
KillWait=60
SlurmdParameters=config_overrides
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/ctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/ctld.log
SlurmdLogFile={folder}/slurmd-%n.log
{nodes}
PartitionName=test Nodes=ALL Default=YES MaxTime=INFINITE State=UP
""")
    made = Cluster(folder)
    files = [f"--{name}={folder}/munge.{name}" for name in ("socket", "pid-file", "log-file", "seed-file")]
    daemons = [
        ["munged", "--foreground", "--force", f"--key-file={folder}/munge.key", *files],
        ["slurmctld", "-D"],
        *(["slurmd", "-D", "-N", name] for name in NODES),
    ]
    started = []
    try:
        for command in daemons:
            with (folder / f"{command[0]}.out").open("a") as output:
                started.append(subprocess.Popen(command, env=made.environment(), stdout=output, stderr=output))
            # slurmctld asks munged from its first moment.
            until(lambda: (folder / "munge.socket").exists(), "munged has not come up", seconds=20)
        until(
            lambda: all(p.poll() is None for p in started) and made.run("sinfo", "-h", "-o", "%T %D") == "idle 2",
            f"no two idle nodes; see {folder}/*.out",
            seconds=40,
        )
        yield made
        made.run("scancel", "--full", "--signal=KILL", "--user=root")
    finally:
        for process in reversed(started):
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@pytest.fixture(scope="module")
def jaxgan(cluster) -> Path:
    """The program as a job finds it."""
    path = cluster.folder / "jaxgan"
    path.write_text(f"""#!/bin/sh
export JAX_PLATFORMS=cpu NPROC=16 JAX_COMPILATION_CACHE_DIR={cluster.folder}/cache JAX_ENABLE_COMPILATION_CACHE=true
export XLA_FLAGS="--xla_backend_optimization_level=0 --xla_force_host_platform_device_count=1"
export JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS=0
exec {sys.executable} -m jaxgan "$@"
""")
    path.chmod(0o755)
    return path


@pytest.fixture
def stand_in(cluster, tmp_path):
    """Makes a program that tells what it was given, and then does as told."""

    def make(then: str) -> Path:
        path = tmp_path / "stand_in"
        path.write_text(
            '#!/bin/sh\necho "task $SLURM_PROCID: JAX_LOCAL_DEVICE_IDS=${JAX_LOCAL_DEVICE_IDS:-unset} '
            f'CUDA_VISIBLE_DEVICES=$CUDA_VISIBLE_DEVICES $*"\n{then}\n'
        )
        path.chmod(0o755)
        return path

    return make


def test_a_process_a_node_takes_all_gpus_and_a_process_a_gpu_its_own(cluster, stand_in):
    flags = ("--config=x", f"--workdir={cluster.folder}/none")
    job = cluster.submit("--gpus-per-node=2", jaxgan=stand_in("exit 0"), flags=flags)
    cluster.wait(job, "COMPLETED", seconds=60)
    told = sorted(line for line in cluster.log(job).splitlines() if line.startswith("task "))
    given = f"CUDA_VISIBLE_DEVICES=0,1 train {' '.join(flags)} --coordinator=auto"
    assert told == [f"task {index}: JAX_LOCAL_DEVICE_IDS=0,1 {given}" for index in range(2)]

    # JAX itself gives process SLURM_LOCALID the GPU of that number, so that each must see both.
    job = cluster.submit("--gpus-per-node=2", "--ntasks-per-node=2", jaxgan=stand_in("exit 0"), flags=flags)
    cluster.wait(job, "COMPLETED", seconds=60)
    told = sorted(line for line in cluster.log(job).splitlines() if line.startswith("task "))
    assert told == [f"task {index}: JAX_LOCAL_DEVICE_IDS=unset {given}" for index in range(4)]


def test_other_layouts_of_gpus_are_refused(cluster, stand_in):
    program, flags = stand_in("exit 0"), ("--config=x", "--workdir=none")
    for options, said in (
        (("--gpus-per-node=2", "--ntasks-per-node=2", "--gpus-per-task=1"), "--gpus-per-node"),
        (("--gpus-per-node=1", "--ntasks-per-node=2"), "2 tasks and 1 GPUs a node"),
    ):
        job = cluster.submit(*options, jaxgan=program, flags=flags)
        cluster.wait(job, "FAILED", seconds=60)
        assert said in cluster.log(job)


def test_a_users_error_is_not_requeued(cluster, stand_in):
    flags = ("--config=x", f"--workdir={cluster.folder}/none")
    job = cluster.submit(jaxgan=stand_in("exit 1"), flags=flags)
    cluster.wait(job, "FAILED", seconds=60)
    assert (cluster.field(job, "ExitCode"), cluster.field(job, "Restarts")) == ("1:0", "0")


def test_crashes_are_requeued_and_without_a_checkpoint_only_so_often(cluster, stand_in):
    flags, limit = ("--config=x", f"--workdir={cluster.folder}/none"), "--export=ALL,CRASHES=1,JAXGAN="
    # One of two tasks dies; the other one's code is lower.
    program = stand_in("[ $SLURM_PROCID = 0 ] || kill -KILL $$; sleep 1; exit 1")
    job = cluster.submit(f"{limit}{program}", jaxgan=program, flags=flags)
    cluster.wait(job, "FAILED", seconds=120)
    assert cluster.field(job, "Restarts") == "1"
    assert "exit code 137, and 1 restarts brought no checkpoint" in cluster.log(job)


def test_the_processes_are_told_before_the_time_limit_and_the_job_is_requeued(cluster, stand_in):
    program = stand_in("trap 'exit 42' TERM; while :; do sleep 0.1; done")
    flags = ("--config=x", f"--workdir={cluster.folder}/none")
    job = cluster.submit("--time=2", "--signal=TERM@100", jaxgan=program, flags=flags)
    until(lambda: "exit code 42; back in the queue" in cluster.log(job), "not told", seconds=150)
    until(lambda: cluster.field(job, "Restarts") == "1", "not requeued", seconds=30)
    cluster.run("scancel", job)


def test_a_cancelled_job_stays_cancelled(cluster, stand_in):
    program = stand_in("trap 'exit 42' TERM; while :; do sleep 0.1; done")
    job = cluster.submit(jaxgan=program, flags=("--config=x", f"--workdir={cluster.folder}/none"))
    until(lambda: "task 1" in cluster.log(job), "not started", seconds=60)
    cluster.run("scancel", job)
    cluster.wait(job, "CANCELLED", seconds=60)
    time.sleep(8)
    assert cluster.field(job, "JobState") == "CANCELLED"


def training(workdir: Path) -> tuple[str, ...]:
    settings = {"training.steps": STEPS, "training.save_every": 1, "evaluation.tstr": "false"}
    return (
        "--config=biggan:digits16,smoke",
        f"--workdir={workdir}",
        "--no_progress",
        *(f"--config.{key}={value}" for key, value in settings.items()),
    )


def wait_for_step(cluster: Cluster, job: str, workdir: Path, step: int) -> None:
    deadline = time.monotonic() + 400
    while not any(record["step"] >= step for record in read_records(workdir / "metrics.jsonl")):
        assert time.monotonic() < deadline, cluster.log(job)[-3000:]
        time.sleep(0.1)


def test_requeued_run_ends_as_the_undisturbed_one(cluster, jaxgan, assert_same_end):
    whole, moved = cluster.folder / "whole", cluster.folder / "moved"
    job = cluster.submit(jaxgan=jaxgan, flags=training(whole))
    cluster.wait(job, "COMPLETED")
    assert cluster.field(job, "Restarts") == "0"

    job = cluster.submit(jaxgan=jaxgan, flags=training(moved))
    # Requeued by somebody, as preemption does it; then told to stop, as before the time limit.
    wait_for_step(cluster, job, moved, 4)
    cluster.run("scontrol", "requeue", job)
    cluster.wait(job, "PENDING")
    stopped = max(record["step"] for record in read_records(moved / "metrics.jsonl"))
    assert stopped < STEPS
    assert (moved / "checkpoints" / str(stopped)).is_dir(), "the requeued run did not save where it stopped"
    wait_for_step(cluster, job, moved, stopped + 4)
    cluster.run("scancel", "--signal=TERM", job)
    cluster.wait(job, "PENDING")
    assert "exit code 42; back in the queue" in cluster.log(job)

    cluster.wait(job, "COMPLETED")
    assert cluster.field(job, "Restarts") == "2"
    assert [r["step"] for r in read_records(moved / "metrics.jsonl")] == list(range(1, STEPS + 1))
    assert_same_end(whole, moved, STEPS)
