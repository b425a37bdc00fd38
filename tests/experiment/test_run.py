"""Training an experiment in a folder: what is wrong is said before the folder is claimed."""

import pytest

from jaxgan import recipes
from jaxgan.experiment.config_file import load
from jaxgan.experiment.run import train_experiment


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("evaluation.best", "eval/fid", "evaluation.best='eval/fid' is none of this run's scores"),
        ("data.name", "folder:/nowhere", "folder:/nowhere is not a folder"),
        ("data.split", "held_out", "held_out"),
    ],
)
def test_what_is_wrong_claims_no_folder(tmp_path, key, value, message):
    without_scores = [("evaluation.metrics", ""), ("evaluation.tstr", "false"), ("evaluation.best", "none")]
    config = load("biggan:digits16,smoke", [*without_scores, (key, value)])
    with pytest.raises(ValueError, match=message):
        train_experiment(recipes.build(config), config, tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()
