import types

import jax
import pytest

from jaxgan.cli import train
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


def test_a_report_shows_no_escape_sequence(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(run, "train_experiment", lambda *_, **__: types.SimpleNamespace(stopped_by=None))
    record = {"step": 1, "metric": "fid", "value": None, "error": "cannot read \x1b[2J.png"}
    (tmp_path / "scores.jsonl").write_text(line_of(record, "scores.jsonl"))
    assert train.run([COMMAND[0], f"--workdir={tmp_path}"]) == 0
    assert "failed: cannot read \\x1b[2J.png" in capsys.readouterr().out
