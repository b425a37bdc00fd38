"""``jaxgan train``: how it ends, what it does before it trains, and how it goes back."""

import signal
import subprocess
import sys
import time
import types
from pathlib import Path

import jax
import pytest

from jaxgan.cli import train
from jaxgan.cli.main import main
from jaxgan.experiment import run
from jaxgan.training.records import line_of

COMMAND = ["--config=biggan:digits16,smoke", "--workdir=unused"]


def fails_with(monkeypatch, message, *, processes):
    def train_experiment(*_, **__):
        raise jax.errors.JaxRuntimeError(message)

    monkeypatch.setattr(run, "train_experiment", train_experiment)
    monkeypatch.setattr(jax, "process_count", lambda: processes)


def test_a_lost_peer_asks_for_a_restart(monkeypatch):
    fails_with(monkeypatch, "UNAVAILABLE: a peer hung up", processes=2)
    assert train.run(COMMAND) == 42


@pytest.mark.parametrize(
    ("message", "processes"), [("RESOURCE_EXHAUSTED: out of memory", 2), ("INTERNAL: a device failed", 1)]
)
def test_what_would_come_again_is_an_error(monkeypatch, message, processes):
    fails_with(monkeypatch, message, processes=processes)
    with pytest.raises(jax.errors.JaxRuntimeError, match=message):
        train.run(COMMAND)


def listens_for_sigterm(pid):
    (caught,) = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("SigCgt")]
    return bool(int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc says what a process listens for")
@pytest.mark.parametrize(
    ("verb", "seconds"),
    [
        (["train", "--config=cgan:ring8,smoke"], 0.0),
        (["train", "--config=cgan:ring8,smoke"], 0.5),
        (["study", "biggan_table1:smoke", "--scale=digits"], 0.0),
    ],
)
def test_sigterm_before_training_asks_for_a_restart_at_once(tmp_path, verb, seconds):
    command = [sys.executable, "-m", "jaxgan", *verb, f"--workdir={tmp_path / 'run'}"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        while not listens_for_sigterm(process.pid):
            assert process.poll() is None
            time.sleep(0.01)
        time.sleep(seconds)
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 42 and time.monotonic() - began < 5
        assert "the same command goes on" in process.stderr.read()
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("unchanged")
def test_a_run_goes_back_where_it_is_told_to(tmp_path, capsys):
    workdir = tmp_path / "run"
    command = ["train", "--config=cgan:ring8,smoke", f"--workdir={workdir}", "--no_progress"]
    command += ["--config.training.steps=4", "--config.training.save_every=2", "--config.evaluation.num_points=64"]
    before = signal.getsignal(signal.SIGTERM)
    assert main(command) == 0
    assert signal.getsignal(signal.SIGTERM) is before

    def steps(folder):
        return sorted(path.name for path in (folder / "checkpoints").iterdir())

    def left():
        return sorted((workdir / "left").iterdir())

    assert main([*command, "--from_step=3"]) == 1
    assert "--from_step=3: no such checkpoint" in capsys.readouterr().err and not (workdir / "left").exists()
    assert main([*command, "--from_step=2"]) == 0
    assert steps(left()[0]) == ["4"] and steps(workdir) == ["2", "4"]
    assert main([*command, "--restart"]) == 0
    assert steps(left()[1]) == ["2", "4"] and steps(workdir) == ["2", "4"] and len(left()) == 2


def test_a_report_shows_no_escape_sequence(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(run, "train_experiment", lambda *_, **__: types.SimpleNamespace(stopped_by=None))
    record = {"step": 1, "metric": "fid", "value": None, "error": "cannot read \x1b[2J.png"}
    (tmp_path / "scores.jsonl").write_text(line_of(record, "scores.jsonl"))
    assert train.run([COMMAND[0], f"--workdir={tmp_path}"]) == 0
    assert "failed: cannot read \\x1b[2J.png" in capsys.readouterr().out
