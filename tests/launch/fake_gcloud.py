"""Stands for `gcloud compute tpus` with a queued resource of two workers, which are folders of this machine.

FAKE_GCLOUD names its folder: `state` (of the queued resource), `calls.jsonl` (arguments of every call), `workers/0` and
`workers/1` (their home folders), `failures/VERB` (of the next calls of list, scp or ssh, 1 for one that fails),
`failures/ssh-1` (the same, of worker 1 alone). Where the metadata server would tell JAX its peers, SLURM's variables
do.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

FOLDER = Path(os.environ["FAKE_GCLOUD"])
WORKERS = ("0", "1")


def flag(arguments: list[str], name: str) -> str:
    return next(a.partition("=")[2] for a in arguments if a.startswith(f"--{name}="))


def worker_environment(worker: str) -> dict[str, str]:
    home = FOLDER / "workers" / worker
    peers = {
        "SLURM_JOB_ID": "1",
        "SLURM_STEP_NODELIST": "127.0.0.1",
        "SLURM_NTASKS": str(len(WORKERS)),
        "SLURM_PROCID": worker,
        "SLURM_LOCALID": "0",
    }
    return os.environ | peers | {"HOME": str(home), "FAKE_WORKER": str(home)}


def ssh(arguments: list[str]) -> int:
    chosen = flag(arguments, "worker")
    workers = WORKERS if chosen == "all" else [chosen]
    answering = [worker for worker in workers if not fails(f"ssh-{worker}")]
    command = next(a for a in arguments if a.startswith("--command=")).removeprefix("--command=")
    started = [
        subprocess.Popen(
            ["bash", "-c", command],
            env=worker_environment(worker),
            cwd=FOLDER / "workers" / worker,
            start_new_session=True,
        )
        for worker in answering
    ]
    return max([*(process.wait() for process in started), 255 if len(answering) < len(workers) else 0])


def fails(verb: str) -> bool:
    """Whether this call of a verb, or of a worker, is one that fails."""
    file = FOLDER / "failures" / verb
    planned = file.read_text().split() if file.exists() else []
    if planned:
        file.write_text(" ".join(planned[1:]))
    return planned[:1] == ["1"]


def main(arguments: list[str]) -> int:
    with (FOLDER / "calls.jsonl").open("a") as calls:
        calls.write(json.dumps(arguments) + "\n")
    assert arguments[:2] == ["compute", "tpus"] and "--zone=here" in arguments, arguments
    if fails(arguments[3]):
        print("gcloud: try again later", file=sys.stderr)
        return 1
    state = FOLDER / "state"
    verb = arguments[2:4]
    if verb == ["queued-resources", "list"]:
        print(state.read_text() if state.exists() else "")
        # Asked twice, a new one is there.
        if state.exists() and state.read_text() == "WAITING_FOR_RESOURCES":
            state.write_text("ACTIVE")
        return 0
    if verb == ["queued-resources", "create"]:
        assert not state.exists(), "it is there already"
        for worker in WORKERS:
            (FOLDER / "workers" / worker).mkdir(parents=True)
        state.write_text("WAITING_FOR_RESOURCES")
        return 0
    if verb == ["queued-resources", "delete"]:
        shutil.rmtree(FOLDER / "workers")
        state.unlink()
        return 0
    assert state.read_text() == "ACTIVE", "no machine to reach"
    if verb == ["tpu-vm", "scp"]:
        source, (host, _, name) = arguments[4], arguments[5].partition(":")
        assert host == "mine"
        for worker in WORKERS:
            shutil.copy(source, FOLDER / "workers" / worker / name)
        return 0
    assert verb == ["tpu-vm", "ssh"] and arguments[4] == "mine", arguments
    return ssh(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
