import numpy as np
import pytest

from jaxgan.parallel import make_mesh
from jaxgan.training.best import Best, read_best
from jaxgan.training.checkpoint import Checkpoints
from jaxgan.training.errors import UserError
from jaxgan.training.loop import train
from jaxgan.training.loop_options import LoopOptions
from jaxgan.training.method import Evaluator, FailedScore, Score
from jaxgan.training.records import read_records

# Steps 1 to 6; the best is 2 of 'fall', which is no multiple of save_every.
VALUES = {1: 5.0, 2: 1.0, 3: 4.0, 4: 2.0, 5: 1.0, 6: 3.0}


def run(toy, workdir, *, best="eval/fd", best_is="min", values=VALUES, until=6):
    def score(nets, step):
        return {"eval/fd": Score(values[step], None, {}), "picture": np.zeros((2, 2, 1), np.uint8)}

    experiment = toy.experiment((toy.Method(), until), evaluators=(Evaluator("scores", score, 1),))
    options = LoopOptions(save_every=3, log_every=1, keep=1, best=best, best_is=best_is, progress=False)
    return train(experiment, workdir=workdir, config={}, seed=0, mesh=make_mesh(), options=options)


def kept(workdir):
    checkpoints = Checkpoints(workdir, read_only=True)
    steps = checkpoints.steps()
    checkpoints.close()
    return steps


def best(workdir):
    return read_best(workdir, checked=True)[0]


def test_the_best_checkpoint_stays_beside_the_newest(toy, tmp_path):
    run(toy, tmp_path)
    assert kept(tmp_path) == [2, 6]
    assert best(tmp_path) == {"metric": "eval/fd", "value": 1.0, "step": 2}


@pytest.mark.slow
def test_more_may_be_better(toy, tmp_path):
    run(toy, tmp_path, best_is="max")
    assert kept(tmp_path) == [1, 6] and best(tmp_path)["value"] == 5.0


def test_a_run_that_goes_on_remembers_its_best(toy, tmp_path):
    run(toy, tmp_path / "parts", until=3)
    assert kept(tmp_path / "parts") == [2, 3]
    run(toy, tmp_path / "parts")
    run(toy, tmp_path / "whole")
    assert kept(tmp_path / "parts") == kept(tmp_path / "whole") == [2, 6]
    assert best(tmp_path / "parts") == best(tmp_path / "whole")
    assert read_records(tmp_path / "parts" / "scores.jsonl") == read_records(tmp_path / "whole" / "scores.jsonl")


@pytest.mark.parametrize(
    "results",
    [
        {"eval/fd": FailedScore("no split")},
        {"eval/fd": FailedScore("no split"), "eval/kid": Score(1.0, None, {})},
        {"eval/scores": FailedScore("no split"), "eval/kid": Score(1.0, None, {})},
    ],
)
def test_a_score_that_failed_is_not_the_best(tmp_path, results):
    followed = Best(tmp_path, "eval/fd", "min", step=0)
    assert followed.update(1, results) is False and followed.update(2, {"eval/fd": Score(3.0, None, {})}) is True
    assert best(tmp_path) == {"metric": "eval/fd", "value": 3.0, "step": 2}


def test_a_best_that_is_damaged_is_said_and_written_again(toy, tmp_path, caplog):
    run(toy, tmp_path, until=3)
    text = (tmp_path / "best.json").read_text()
    (tmp_path / "best.json").write_text(text.replace("2", "1", 1))
    with caplog.at_level("WARNING", "jaxgan"):
        assert Best(tmp_path, "eval/fd", "min", step=3, checked=True).step == 2
    assert "best.json differs from what was written: it is not used" in caplog.text
    assert (tmp_path / "best.json").read_text() == text
    # It outlives the record that it tells of.
    (tmp_path / "metrics.jsonl").unlink()
    assert Best(tmp_path, "eval/fd", "min", step=3, checked=True).step == 2


def test_a_name_that_no_score_has_is_an_error(toy, tmp_path):
    with pytest.raises(UserError, match=r"'eval/fid' is none of this run's scores: eval/fd"):
        run(toy, tmp_path, best="eval/fid")
