"""Two real processes of four simulated devices each, over loopback, train as one process of eight does."""

import json
import os
import socket
import subprocess
import sys

import numpy as np
import pytest

from jaxgan.training.records import read_records


def environment(devices, fault=""):
    flags = f"--xla_backend_optimization_level=0 --xla_force_host_platform_device_count={devices}"
    return os.environ | {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags, "NPROC": "16", "JAXGAN_FAULT": fault}


def command(config, workdir, *more):
    return [
        *(sys.executable, "-m", "jaxgan", "train", f"--config={config},smoke", "--no_progress"),
        *(f"--workdir={workdir}", "--config.parallel.fsdp=2", "--config.parallel.rules=fsdp"),
        *("--config.evaluation.tstr=false", "--config.training.steps=3", *more),
    ]


def train(config, workdir, *flags, processes, fault=""):
    """One run on eight devices, four for each of two processes; fails with the logs where a process does."""
    if processes == 1:
        commands = [command(config, workdir, *flags)]
    else:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        peers = (f"--coordinator=127.0.0.1:{port}", f"--num_processes={processes}")
        commands = [command(config, workdir, *flags, *peers, f"--process_id={index}") for index in range(processes)]
    running, logs = [], [workdir.with_suffix(f".{index}.log") for index in range(processes)]
    for arguments, path in zip(commands, logs):
        with path.open("a") as log:
            running.append(
                subprocess.Popen(
                    arguments, env=environment(8 // processes, fault), stdout=log, stderr=subprocess.STDOUT
                )
            )
    codes = [process.wait(timeout=300) for process in running]
    assert codes == [0] * processes, "\n".join(path.read_text()[-3000:] for path in logs)


def assert_close(records, others):
    assert [r["step"] for r in records] == [r["step"] for r in others]
    for a, b in zip(records, others):
        for key in a:
            if not key.startswith("perf/"):
                np.testing.assert_allclose(a[key], b[key], rtol=2e-3, atol=2e-3, err_msg=f"{key} at {a['step']}")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("config", ["cgan:ring8", pytest.param("biggan:digits16", marks=pytest.mark.slow)])
def test_two_processes_equal_one(config, tmp_path):
    train(config, tmp_path / "two", processes=2)
    train(config, tmp_path / "one", processes=1)

    two, alone = (read_records(tmp_path / name / "metrics.jsonl") for name in ("two", "one"))
    assert [r["step"] for r in two] == [1, 2, 3]
    assert_close(two, alone)
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


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("before", "after"),
    [((2, 2), (2, 8)), ((2, 8), (2, 1)), ((2, 4), (1, 2)), ((1, 8), (2, 2))],
    ids=lambda layout: "processes {} fsdp {}".format(*layout),
)
def test_a_run_goes_on_in_other_processes_on_another_mesh(before, after, tmp_path):
    """Restoring compares every array with the digest of what was saved, wherever its parts lie now."""
    for name, layouts in {"run": (before, after), "undisturbed": ((1, 2), (1, 2))}.items():
        for steps, (processes, fsdp) in zip((2, 3), layouts):
            flags = (f"--config.training.steps={steps}", f"--config.parallel.fsdp={fsdp}", "--accept_config_change")
            train("cgan:ring8", tmp_path / name, *flags, processes=processes)
    assert not (tmp_path / "run" / "quarantine").exists()
    found, wanted = (read_records(tmp_path / name / "metrics.jsonl") for name in ("run", "undisturbed"))
    assert [record["step"] for record in found] == [1, 2, 3]
    assert_close(found, wanted)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("process", [0, 1])
def test_what_one_process_cannot_read_is_read_again_by_both(process, tmp_path):
    """The other process, which could, is not left in an exchange of its own."""
    for steps, fault in ((2, ""), (3, f"eio@1:{process}")):
        train("cgan:ring8", tmp_path / "run", f"--config.training.steps={steps}", "--accept_config_change",
              processes=2, fault=fault)  # fmt: skip
    log = (tmp_path / f"run.{process}.log").read_text()
    assert "; trying again in 1 s" in log
    assert [record["step"] for record in read_records(tmp_path / "run" / "metrics.jsonl")] == [1, 2, 3]
    assert not (tmp_path / "run" / "quarantine").exists()
