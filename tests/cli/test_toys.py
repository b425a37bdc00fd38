"""A run that draws points, from the command line: trained, scored, sampled, and refused what only images have."""

import json

import numpy as np
import pytest
from PIL import Image

from jaxgan.cli.main import main

SCORES = {"modes", "high_quality", "emd", "mode_kl", "js"}


def size_of(path):
    with Image.open(path) as image:
        return image.size


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    path = tmp_path_factory.mktemp("toy") / "run"
    assert main(["train", "--config=gan:ring8,smoke", f"--workdir={path}"]) == 0
    return path


def test_training_writes_the_scores_and_the_picture(workdir):
    last = json.loads((workdir / "metrics.jsonl").read_text().splitlines()[-1])
    assert {f"eval/{name}" for name in SCORES} <= set(last)
    assert isinstance(last["eval/modes"], float) and last["eval/emd"] > 0
    assert size_of(workdir / "samples" / "2.png") == (400, 400)


def test_evaluate_gives_a_stamped_line_a_score(workdir, capsys):
    assert main(["evaluate", f"--workdir={workdir}", "--json", "--no_progress"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["metric"] for line in lines} == SCORES
    assert all(line["stamp"]["reference"] == "toy:ring8" and line["stamp"]["count"] == 40 for line in lines)


def test_sample_writes_points_or_their_picture(workdir, tmp_path):
    command = ["sample", f"--workdir={workdir}", "--num_images=20", "--columns=5"]
    assert main([*command, f"--out={tmp_path}/points.npz"]) == 0
    points = np.load(tmp_path / "points.npz")["points"]
    assert points.shape == (20, 2) and points.dtype == np.float32
    assert main([*command, f"--out={tmp_path}/points.png"]) == 0
    assert size_of(tmp_path / "points.png") == (400, 400)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--out=folder"], "points; give a name ending in .npz or .png"),
        (["--out=grid.png", "--interpolate=z", "--columns=5"], "draws points: leave it out"),
    ],
)
def test_what_only_images_have_is_refused(workdir, tmp_path, monkeypatch, capsys, options, message):
    monkeypatch.chdir(tmp_path)
    assert main(["sample", f"--workdir={workdir}", "--num_images=20", *options]) == 1
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
