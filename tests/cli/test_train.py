import jax
import pytest

from jaxgan.cli import train
from jaxgan.experiment import run

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
