"""Soak: runs of two processes that are killed, told to stop, stopped and given read errors, at random moments.

    python docs/measure/soak.py --runs=100 --out=soak.jsonl

One run is left alone. Every other is the same command under `jaxgan launch`, and is hit one to three times: SIGKILL,
SIGTERM or SIGSTOP to one of its processes at a random moment of a start (importing, compiling, training, saving,
scoring), or an input/output error when it next reads a checkpoint. It passes where it ends with exit code 0, the digest
of the undisturbed run's last state, and its records: every step once, with the same values. Everything drawn is a
function of --seed and the run's number; where a run ended before anything fell on it, the next number is taken.
"""

import argparse
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jaxgan.training.checkpoint import Checkpoints
from jaxgan.training.records import read_records

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP)
PROCESSES, DEVICES = 2, 2
LONGEST_SECONDS = 900.0
# Of parts of the run: a loaded machine takes a fraction of them.
LIMITS = {"connect": 60, "heartbeat": 10, "begin": 300, "restore": 120, "compile": 300, "step": 60, "save": 120}
LIMITS |= {"evaluate": 300}


class Hit(NamedTuple):
    """A signal to process ``process``, ``seconds`` after the processes were started (again)."""

    name: str
    process: int
    seconds: float


class Plan(NamedTuple):
    """Everything that befalls one run: hits, one a start, and faults as ``JAXGAN_FAULT`` takes them."""

    hits: tuple[Hit, ...]
    fault: str


def plan(seed: int, number: int, *, seconds: float) -> Plan:
    """The plan of run ``number``: signals within ``seconds`` of a start, and whether a read error comes."""
    rng = random.Random(f"{seed}/{number}")
    hits = tuple(
        Hit(rng.choice(SIGNALS).name, rng.randrange(PROCESSES), rng.uniform(0, seconds))
        for _ in range(rng.randint(1, 3))
    )
    reads = rng.random() < 0.5
    # The first checkpoint that is read then: a later one may never be.
    return Plan(hits, f"eio@1:{rng.randrange(PROCESSES)}" if reads else "")


def command(workdir: Path, arguments: Sequence[str], *, steps: int) -> list[str]:
    """The run, under the supervisor, with limits of seconds."""
    return [
        *(sys.executable, "-m", "jaxgan", "launch", f"--procs={PROCESSES}", "--backoff_seconds=0.1"),
        *("--grace_seconds=5", "--save_seconds=30", "--restarts_without_progress=8", "--", "train"),
        *(f"--workdir={workdir}", "--no_progress", f"--config.training.steps={steps}"),
        *("--config.training.save_every=20", "--config.training.log_every=1", "--config.training.keep=3"),
        *(f"--config.watchdog.{name}={seconds}" for name, seconds in LIMITS.items()),
        *arguments,
    ]


def environment(cache: Path, fault: str) -> dict[str, str]:
    """Two simulated devices a process, programs from one cache, and the faults."""
    flags = f"--xla_backend_optimization_level=0 --xla_force_host_platform_device_count={DEVICES}"
    return os.environ | {
        "JAX_PLATFORMS": "cpu",
        "NPROC": "16",
        "XLA_FLAGS": flags,
        "JAX_COMPILATION_CACHE_DIR": str(cache),
        "JAX_ENABLE_COMPILATION_CACHE": "true",
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAXGAN_FAULT": fault,
    }


def children_of(pid: int) -> list[int]:
    """Its child processes, in the order in which they were started."""
    try:
        return sorted(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))
    except OSError:
        return []


def strike(supervisor: subprocess.Popen[bytes], hits: Sequence[Hit]) -> list[Hit]:
    """Hits one start after another, until the run has ended or all are spent; returns those that fell."""
    fallen: list[Hit] = []
    seen: list[int] = []
    for hit in hits:
        # A start that no hit has fallen on yet.
        while supervisor.poll() is None and len(set(children_of(supervisor.pid)) - set(seen)) < PROCESSES:
            time.sleep(0.02)
        began, seen = time.monotonic(), children_of(supervisor.pid)
        while supervisor.poll() is None and time.monotonic() - began < hit.seconds:
            time.sleep(0.01)
        if supervisor.poll() is not None or len(seen) < PROCESSES:
            break
        if Path(f"/proc/{seen[hit.process]}").exists():
            os.kill(seen[hit.process], signal.Signals[hit.name])
            fallen.append(hit)
    return fallen


def run(workdir: Path, cache: Path, arguments: Sequence[str], *, steps: int, todo: Plan) -> dict[str, Any]:
    """One run to its end, and what became of it."""
    began = time.monotonic()
    log = workdir.with_suffix(".log")
    with log.open("wb") as out:
        process = subprocess.Popen(
            command(workdir, arguments, steps=steps), env=environment(cache, todo.fault), stdout=out, stderr=out
        )
        try:
            fallen = strike(process, todo.hits)
            code = process.wait(timeout=LONGEST_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            fallen, code = list(todo.hits), -1
    record: dict[str, Any] = {"code": code, "seconds": round(time.monotonic() - began, 1)}
    record["hits"] = [hit._asdict() | {"seconds": round(hit.seconds, 2)} for hit in fallen]
    struck = workdir / "faults"
    record["faults"] = sorted(path.name for path in struck.iterdir()) if struck.is_dir() else []
    said = log.read_text(errors="replace")
    record["starts"] = 1 + said.count("starting again in")
    # Of both processes.
    record["restored"] = said.count("going on from step") // PROCESSES
    if code == 0:
        checkpoints = Checkpoints(workdir, read_only=True)
        record["digest"] = checkpoints.fingerprint(steps)
        checkpoints.close()
        record["records"] = records(workdir)
    return record


def records(workdir: Path) -> list[dict[str, Any]]:
    """The records of a run without speeds, which differ."""
    return [
        {name: value for name, value in record.items() if not name.startswith("perf/")}
        for record in read_records(workdir / "metrics.jsonl")
    ]


def soak(
    folder: Path,
    arguments: Sequence[str],
    *,
    runs: int,
    seed: int,
    steps: int,
    first: int = 0,
    out: Path | None = None,
) -> list[dict[str, Any]]:
    """Goes through numbers from ``first`` on until ``runs`` runs were disturbed, and adds a record of each to the file
    ``out``; returns the records, with 'same' for whether a run ended as the undisturbed one.
    """
    cache = folder / "cache"
    nothing = Plan((), "")
    # The first fills the cache; the second says how long a run takes with it.
    run(folder / "first", cache, arguments, steps=steps, todo=nothing)
    whole = run(folder / "whole", cache, arguments, steps=steps, todo=nothing)
    if whole["code"] != 0:
        raise SystemExit((folder / "whole.log").read_text()[-3000:])
    print(f"undisturbed: {whole['seconds']} s, digest {whole['digest'][:12]}", flush=True)
    found: list[dict[str, Any]] = []
    for number in itertools.count(first):
        if len(found) == runs:
            break
        workdir = folder / f"{number}"
        todo = plan(seed, number, seconds=0.9 * whole["seconds"])
        record = run(workdir, cache, arguments, steps=steps, todo=todo)
        same = {name: record.pop(name, None) == whole[name] for name in ("digest", "records")}
        record = {"run": number, "same": all(same.values()), **same, **record}
        if record["same"] and not record["hits"] and not record["faults"]:
            print(f"run {number}: nothing fell on it", flush=True)
            shutil.rmtree(workdir)
            workdir.with_suffix(".log").unlink()
            continue
        found.append(record)
        if out is not None:
            with out.open("a") as file:
                file.write(json.dumps(record) + "\n")
        hits = ", ".join(f"{hit['name']}({hit['process']}) at {hit['seconds']} s" for hit in record["hits"])
        print(
            f"run {number}: {'same' if record['same'] else 'DIFFERENT'}, code {record['code']}, {record['starts']} "
            f"starts, {record['seconds']} s; {', '.join(filter(None, [hits, *record['faults']]))}",
            flush=True,
        )
        if record["same"]:
            shutil.rmtree(workdir)
            workdir.with_suffix(".log").unlink()
        else:
            print(workdir.with_suffix(".log").read_text(errors="replace")[-3000:], flush=True)
    return found


def main() -> int:
    """Prints each run, then how many ended as the undisturbed one; 1 where one did not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument(
        "--first", type=int, default=0, help="the number of the first one, to go on from an earlier hour"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=600, help="enough that most hits fall on training")
    parser.add_argument("--config", default="cgan:mnist,smoke", help="its smoke form reads scikit-learn's digits")
    parser.add_argument("--out", type=Path, help="a JSON line a run")
    parsed, arguments = parser.parse_known_args()
    arguments = [f"--config={parsed.config}", "--config.evaluation.tstr=false", *arguments]
    with tempfile.TemporaryDirectory() as folder:
        shared: dict[str, Any] = dict(
            runs=parsed.runs, seed=parsed.seed, steps=parsed.steps, first=parsed.first, out=parsed.out
        )
        found = soak(Path(folder), arguments, **shared)
    same = sum(record["same"] for record in found)
    starts = sum(record["starts"] for record in found)
    print(
        f"{same} of {len(found)} ended in the undisturbed run's digest and records; {starts} starts in all, "
        f"{sum(record['restored'] for record in found)} of them from a checkpoint"
    )
    return int(same < len(found))


if __name__ == "__main__":
    sys.exit(main())
