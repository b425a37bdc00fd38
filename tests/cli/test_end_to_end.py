"""Train, look, sample, score: the verbs one after another on one tiny run."""

import json
import logging
import os

import numpy as np
import pytest
from PIL import Image

from jaxgan.cli.main import main
from jaxgan.training.logging import read_metrics


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    """Statistics are cached in a folder of the tests'."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    flags, level = os.environ["XLA_FLAGS"], logging.getLogger("jaxgan").level
    path = tmp_path_factory.mktemp("run") / "digits"
    code = main(["train", "--config=biggan_digits16:smoke", f"--workdir={path}", "--config.training.steps", "3"])
    assert code == 0
    yield path
    os.environ["XLA_FLAGS"] = flags
    logging.getLogger("jaxgan").setLevel(level)


def size(path):
    with Image.open(path) as image:
        return image.size


def arrays(path):
    with np.load(path) as file:
        return dict(file)


def test_a_run_leaves_what_it_says(workdir, capsys):
    assert [r["step"] for r in read_metrics(workdir / "metrics.jsonl")] == [1, 2, 3]
    assert {"eval/tstr", "eval/classes_hit"} <= read_metrics(workdir / "metrics.jsonl")[-1].keys()
    # Ten rows of two images of 8x4, framed.
    assert size(workdir / "samples" / "3.png") == (2 * 5 - 1, 10 * 9 - 1)
    assert list((workdir / "tb").glob("events*"))
    # A run that has ended says so again, and trains no further.
    assert main(["train", "--config=biggan_digits16:smoke", f"--workdir={workdir}", "--config.training.steps=3"]) == 0
    assert f"checkpoint {workdir / 'checkpoints' / '3'}" in capsys.readouterr().out


def test_another_config_is_refused_with_a_diff(workdir, capsys):
    assert main(["train", "--config=biggan_digits16:smoke", f"--workdir={workdir}", "--config.training.steps=4"]) == 1
    error = capsys.readouterr().err
    assert '-    "steps": 3' in error and '+    "steps": 4' in error and "--accept_config_change" in error


def test_samples_as_arrays_pictures_and_folders(workdir, tmp_path, capsys):
    def sample(out, *more):
        return main(["sample", f"--workdir={workdir}", f"--out={tmp_path / out}", *more])

    assert sample("a.npz", "--num_images=13", "--classes=1,4-5", "--seed=3") == 0
    drawn = arrays(tmp_path / "a.npz")
    assert drawn["images"].shape == (13, 8, 4, 1) and drawn["images"].dtype == np.uint8
    assert drawn["labels"].tolist() == [1, 4, 5] * 4 + [1]
    assert "images/s" in capsys.readouterr().err

    truncation = ("--truncation=0.5", "--truncation_mode=clamp")
    assert sample("b.npz", "--num_images=13", "--classes=1,4-5", "--seed=3", *truncation) == 0
    assert not np.array_equal(arrays(tmp_path / "b.npz")["images"], drawn["images"])

    assert sample("folder", "--num_images=20") == 0
    assert sorted(p.name for p in (tmp_path / "folder").iterdir()) == [f"{c:03d}" for c in range(10)]
    assert sum(len(list(p.iterdir())) for p in (tmp_path / "folder").iterdir()) == 20

    assert sample("grid.png", "--num_images=20", "--columns=4") == 0
    assert size(tmp_path / "grid.png") == (4 * 5 - 1, 5 * 9 - 1)
    for over in ("z", "class"):
        assert sample(f"{over}.png", "--num_images=12", "--columns=6", f"--interpolate={over}") == 0
        assert size(tmp_path / f"{over}.png") == (6 * 5 - 1, 2 * 9 - 1)

    assert sample("grid.png", "--num_images=7") == 1
    assert sample("a.npz", "--classes=10") == 1
    assert sample("a.npz", "--truncation=1", "--truncation_mode=nonsense") == 1
    assert "scaled_truncated_normal" in capsys.readouterr().err


def test_scores_are_json_and_nothing_else(workdir, capsys):
    assert main(["evaluate", f"--workdir={workdir}", "--json"]) == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {r["metric"] for r in records} >= {"tstr", "tstr_real", "classes_hit"}
    trained = read_metrics(workdir / "metrics.jsonl")[-1]
    for record in records:
        assert record["step"] == 3
        np.testing.assert_allclose(record["value"], trained[f"eval/{record['metric']}"], rtol=1e-6)
