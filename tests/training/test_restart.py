"""Going back on purpose: all that is left behind is kept, and nothing moves for the sake of a damaged checkpoint."""

import json
import shutil

import jax
import numpy as np
import pytest

from jaxgan.parallel import make_mesh
from jaxgan.training.errors import UserError
from jaxgan.training.loop import train
from jaxgan.training.loop_options import LoopOptions
from jaxgan.training.method import Evaluator, Score
from jaxgan.training.records import read_records
from jaxgan.training.restart import go_back, restart


def score(nets, step):
    return {"eval/fd": Score(7.0 - step, None, {}), "samples": np.zeros((2, 2, 1), np.uint8)}


@pytest.fixture(scope="module")
def run(toy, tmp_path_factory):
    """A function that trains six steps in a folder, and a folder that it trained in."""
    experiment = toy.experiment((toy.Method(), 6), evaluators=[Evaluator("scores", score, 2)])
    options = LoopOptions(
        save_every=2, log_every=1, keep=3, best="eval/fd", best_is="min", on_nonfinite="rollback", progress=False
    )

    def go(workdir):
        mesh = make_mesh(devices=jax.devices()[:1])
        return train(experiment, workdir=workdir, config={"seed": 0}, seed=0, mesh=mesh, options=options)

    workdir = tmp_path_factory.mktemp("run") / "run"
    return go, workdir, go(workdir).state


@pytest.fixture
def workdir(run, tmp_path):
    return shutil.copytree(run[1], tmp_path / "run")


def steps(folder):
    return sorted(int(path.name) for path in (folder / "checkpoints").iterdir())


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def is_whole(workdir, run):
    """Whether training from here comes to the end of the undisturbed run."""
    go, whole, state = run
    again = go(workdir).state
    jax.tree.map(np.testing.assert_array_equal, again, state)
    ours, theirs = (read_records(folder / "metrics.jsonl") for folder in (workdir, whole))
    assert [record["noise"] for record in ours] == [record["noise"] for record in theirs]
    assert json.loads((workdir / "best.json").read_text())["step"] == 6
    return [record["step"] for record in ours] == [1, 2, 3, 4, 5, 6]


def test_a_restart_moves_all_of_the_run_and_begins_anew(run, workdir):
    before = contents(workdir)
    restart(workdir)
    (place,) = (workdir / "left").iterdir()
    assert contents(place) == before and [path.name for path in workdir.iterdir()] == ["left"]
    assert is_whole(workdir, run)
    assert contents(place) == before


def test_going_back_keeps_the_later_part_of_the_run_aside(run, workdir):
    before = contents(workdir)
    go_back(workdir, 2, lambda: run[2])
    (place,) = (workdir / "left").iterdir()
    kept = contents(place)
    names = (
        "metrics.jsonl",
        "scores.jsonl",
        "records.json",
        "best.json",
        "tb/",
        "samples/4.",
        "samples/6.",
        "checkpoints/4/",
    )
    later = {name for name in before if name.startswith((*names, "checkpoints/6/"))}
    assert kept == {name: before[name] for name in later} and {"samples/4.png", "best.json"} <= later
    assert steps(workdir) == [2] and not (workdir / "best.json").exists()
    assert [path.name for path in (workdir / "samples").iterdir()] == ["2.png"]
    assert is_whole(workdir, run)
    assert contents(place) == kept


def test_what_names_an_earlier_step_stays(run, workdir):
    (workdir / "best.json").write_text('{"metric": "eval/fd", "value": 1.0, "step": 2}')
    go_back(workdir, 4, lambda: run[2])
    assert steps(workdir) == [2, 4] and (workdir / "best.json").exists()
    assert not list((workdir / "left").glob("*/best.json"))
    # The newest already: nothing is left behind.
    go_back(workdir, 4, lambda: run[2])
    assert len(list((workdir / "left").iterdir())) == 1


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("step", [2, 6])
def test_nothing_moves_for_a_checkpoint_that_is_damaged_or_missing(run, workdir, step):
    largest = max((workdir / "checkpoints" / str(step)).rglob("*"), key=lambda path: path.stat().st_size)
    content = bytearray(largest.read_bytes())
    content[len(content) // 2] ^= 1
    largest.write_bytes(content)
    before = contents(workdir)
    with pytest.raises(UserError, match=f"--from_step={step}: that checkpoint is damaged .*nothing was moved.*, there"):
        go_back(workdir, step, lambda: run[2])
    with pytest.raises(UserError, match=r"--from_step=3: no such checkpoint .*; there are \[2, 4, 6\]"):
        go_back(workdir, 3, lambda: run[2])
    assert contents(workdir) == before
