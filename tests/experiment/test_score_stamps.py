"""Stamps of a run's scores."""

import hashlib

import ml_collections
import pytest

from jaxgan.evaluation.protocol import differences
from jaxgan.experiment.score_stamps import sampling_stamp
from jaxgan.training.errors import UserError
from jaxgan.training.method import Method


def stamp(weights, **perceptual):
    section = {"weight": 10.0, "network": "vgg19", "normalized": False, "layer_weights": (0.5, 1.0)}
    section |= {"weights": str(weights), **perceptual}
    config = ml_collections.ConfigDict({"evaluation": {"batch_norm": "running"}, "perceptual": section})
    return sampling_stamp(config, Method(), step=3, ema=False, seed=1)


def test_a_stamp_says_which_perceptual_loss_a_run_was_trained_with(tmp_path):
    (tmp_path / "weights").write_bytes(b"those of a network")
    found = stamp(tmp_path / "weights")
    assert found["perceptual"] == {
        "weight": 10.0,
        "network": "vgg19",
        "normalized": False,
        "layer_weights": [0.5, 1.0],
        "sha256": hashlib.sha256(b"those of a network").hexdigest(),
    }
    without = stamp(tmp_path / "weights", weight=0.0)
    assert "perceptual" not in without
    # Runs that were trained otherwise are compared.
    assert not differences(found, without)
    with pytest.raises(UserError, match="nowhere"):
        stamp(tmp_path / "nowhere")
