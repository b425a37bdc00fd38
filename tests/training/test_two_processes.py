"""Two real processes of four simulated devices each, over loopback, train as one process of eight does."""

import json
import os
import socket
import subprocess
import sys

import numpy as np
import pytest

from jaxgan.training.records import read_records


def environment(devices):
    flags = f"--xla_backend_optimization_level=0 --xla_force_host_platform_device_count={devices}"
    return os.environ | {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags, "NPROC": "16"}


def command(config, workdir, *more):
    return [
        *(sys.executable, "-m", "jaxgan", "train", f"--config={config},smoke", "--no_progress"),
        *(f"--workdir={workdir}", "--config.parallel.fsdp=2", "--config.parallel.rules=fsdp"),
        *("--config.evaluation.tstr=false", "--config.training.steps=3", *more),
    ]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("config", ["cgan:ring8", pytest.param("biggan:digits16", marks=pytest.mark.slow)])
def test_two_processes_equal_one(config, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes, logs = [], [tmp_path / f"{index}.log" for index in range(2)]
    for index, path in enumerate(logs):
        peers = (f"--coordinator=127.0.0.1:{port}", "--num_processes=2", f"--process_id={index}")
        with path.open("w") as log:
            processes.append(
                subprocess.Popen(
                    command(config, tmp_path / "two", *peers), env=environment(4), stdout=log, stderr=subprocess.STDOUT
                )
            )
    codes = [p.wait(timeout=300) for p in processes]
    assert codes == [0, 0], "\n".join(path.read_text()[-3000:] for path in logs)
    one = subprocess.run(
        command(config, tmp_path / "one"), env=environment(8), capture_output=True, text=True, timeout=300
    )
    assert one.returncode == 0, one.stderr[-3000:]

    two, alone = (read_records(tmp_path / name / "metrics.jsonl") for name in ("two", "one"))
    assert [r["step"] for r in two] == [r["step"] for r in alone] == [1, 2, 3]
    for a, b in zip(two, alone):
        for key in a:
            if not key.startswith("perf/"):
                np.testing.assert_allclose(a[key], b[key], rtol=2e-3, atol=2e-3, err_msg=f"{key} at {a['step']}")
    np.testing.assert_allclose(two[0]["d/loss"], alone[0]["d/loss"], rtol=1e-5)

    # What two processes saved, one process scores, on other devices.
    scored = subprocess.run(
        [sys.executable, "-m", "jaxgan", "sample", f"--workdir={tmp_path / 'two'}", f"--out={tmp_path / 'x.npz'}"],
        env=environment(1),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert scored.returncode == 0, scored.stderr[-3000:]
    with np.load(tmp_path / "x.npz") as drawn:
        samples = drawn["points" if config.endswith("ring8") else "images"]
        assert len(samples) == len(drawn["labels"]) == 100
    assert json.loads((tmp_path / "two" / "env.json").read_text())["processes"] == 2
