"""The second start of a run reads every program that the first compiled, and trains the same bits."""

import os
import subprocess
import sys

import pytest

from jaxgan.training.records import read_records


def train(workdir, cache, home):
    environment = os.environ | {
        "JAX_ENABLE_COMPILATION_CACHE": "true",
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "XDG_CACHE_HOME": str(home),
        # As a user's: optimised, on one device.
        "XLA_FLAGS": "",
    }
    del environment["JAX_COMPILATION_CACHE_DIR"]
    command = [sys.executable, "-m", "jaxgan", "train", "--config=wgan_gp:ring8,smoke", "--config.training.steps=3"]
    command += [f"--workdir={workdir}", "--no_progress", *([f"--compilation_cache={cache}"] if cache else [])]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    records = read_records(workdir / "metrics.jsonl")
    assert [r["step"] for r in records] == [1, 2, 3]
    return [{k: v for k, v in r.items() if not k.startswith("perf/")} for r in records]


def programs(folder):
    return {p.name: p.stat().st_mtime_ns for p in folder.rglob("*-cache")}


@pytest.mark.slow
def test_a_second_start_compiles_nothing_and_trains_the_same_bits(tmp_path):
    home = tmp_path / "home"
    first = train(tmp_path / "first", None, home)
    compiled = programs(home / "jaxgan" / "compilation")
    assert any(name.startswith("jit_one-") for name in compiled), "the step is not among them"
    second = train(tmp_path / "second", None, home)
    assert programs(home / "jaxgan" / "compilation") == compiled, "the second start wrote programs, so compiled them"
    assert second == first
