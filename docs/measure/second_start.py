"""Seconds of a short `jaxgan train` with an empty compilation cache, and with what that start left in it.

    python docs/measure/second_start.py --config=biggan:digits16,smoke --rounds=3
    python docs/measure/second_start.py --config=biggan:digits16 --rounds=3 --config.training.steps=10 \\
        --config.evaluation.tstr=false

Each round starts with an empty cache and trains twice, in folders of its own. `cpu` is user and system time of the
process, which a busy machine stretches less than it does `wall`; `first_dispatch` is what the trainer logs: compiling
the step, or reading it, and running it once.
"""

import argparse
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any


def start(arguments: list[str], cache: Path, workdir: Path) -> dict[str, Any]:
    """One training in a process of its own."""
    command = [sys.executable, "-m", "jaxgan", "train", *arguments, "--no_progress"]
    command += [f"--workdir={workdir}", f"--compilation_cache={cache}"]
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True)
    wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(done.stderr)
    last = json.loads((workdir / "metrics.jsonl").read_text().splitlines()[-1])
    found = re.search(r"first dispatch, in ([\d.]+) s", done.stderr)
    return {
        "wall": wall,
        "cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "first_dispatch": float(found[1]) if found else float("nan"),
        "last": json.dumps({k: v for k, v in last.items() if not k.startswith("perf/")}),
    }


def main() -> None:
    """Prints every start, then medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parsed, arguments = parser.parse_known_args()
    rows: dict[str, list[dict[str, Any]]] = {"first": [], "second": []}
    for _ in range(parsed.rounds):
        with tempfile.TemporaryDirectory() as folder:
            for name, found in rows.items():
                found.append(start(arguments, Path(folder) / "cache", Path(folder) / name))
                shown = {k: round(v, 1) for k, v in found[-1].items() if isinstance(v, float)}
                print(name, shown, f"load {os.getloadavg()[0]:.1f}", flush=True)
            size = sum(p.stat().st_size for p in (Path(folder) / "cache").iterdir())
            same = rows["first"][-1]["last"] == rows["second"][-1]["last"]
            print(f"cache {size / 2**20:.1f} MiB; last records {'equal' if same else 'DIFFER'}", flush=True)
    for key in ("wall", "cpu", "first_dispatch"):
        print(
            key, {name: round(statistics.median(float(row[key]) for row in found), 1) for name, found in rows.items()}
        )


if __name__ == "__main__":
    main()
