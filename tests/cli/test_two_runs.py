"""A recipe of two runs through the command line: codes extracted once, kills in either, a first run that changed."""

import os
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from jaxgan import recipes
from jaxgan.cli.main import main
from jaxgan.data.token_records import about_tokens
from jaxgan.experiment.open_run import open_run

pytestmark = pytest.mark.slow

LENGTH = ["--config.training.steps=6", "--config.training.save_every=2", "--no_progress"]


def flags(workdir, first=None):
    if first is None:
        return ["train", "--config=vqvae:flowers,smoke", f"--workdir={workdir}", *LENGTH]
    return [
        "train",
        "--config=vqvae_prior:flowers,smoke",
        f"--workdir={workdir}",
        f"--config.first.run={first}",
        *LENGTH,
    ]


def test_codes_are_extracted_once_and_drawn(tmp_path, scores, capsys):
    first, second = tmp_path / "first", tmp_path / "second"
    assert main(flags(first)) == 0
    assert main(flags(second, first)) == 0
    sets = {path.name: path.stat().st_mtime_ns for path in (first / "codes").iterdir()}
    assert sorted(name.partition("-")[0] for name in sets) == ["test", "train"]
    perplexity = scores(second, "--metrics=perplexity")["perplexity"]
    # 16 codes of either level.
    assert 1 < perplexity["value"] < 40 and perplexity["stamp"]["settings"] == {"field": "tokens"}
    assert {path.name: path.stat().st_mtime_ns for path in (first / "codes").iterdir()} == sets
    opened = open_run(str(first), build=recipes.build, default_config=recipes.default_config_of)
    assert perplexity["stamp"]["runs"] == {"first": opened.fingerprint[:16]}
    for name, rows in (("none", 0), ("half", 8), ("all", 16)):
        given = ["--inputs=digits:test", "--num_images=3", f"--set=kept_rows={rows}", f"--out={tmp_path / name}"]
        assert main(["sample", f"--workdir={second}", *given]) == 0
    none, half, everything = (
        np.stack([np.asarray(Image.open(p)) for p in sorted((tmp_path / name).glob("*.png"))])
        for name in ("none", "half", "all")
    )
    # What is kept whole is what the first run gives back.
    back = ["--inputs=digits:test", "--num_images=3", f"--out={tmp_path / 'back'}"]
    assert main(["sample", f"--workdir={first}", *back]) == 0
    given = np.stack([np.asarray(Image.open(p)) for p in sorted((tmp_path / "back").glob("*.png"))])
    np.testing.assert_array_equal(everything, given)
    assert (half != everything).any() and (none != half).any()


def test_a_first_run_that_changed_is_refused(tmp_path, capsys):
    first, second = tmp_path / "first", tmp_path / "second"
    assert main(flags(first)) == 0
    assert main(flags(second, first)) == 0
    shutil.rmtree(first)
    assert main([*flags(first), "--config.seed=5"]) == 0
    capsys.readouterr()
    assert main([*flags(second, first), "--config.training.steps=8", "--accept_config_change"]) == 1
    assert "is not the one that" in capsys.readouterr().err
    assert main([*flags(tmp_path / "third", first), "--config.first.fingerprint=0000"]) == 1
    assert "has the fingerprint" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["--config.first.run="], "config.first.run is empty: give the folder of a run of vqvae"),
        (["--config.first.run=untrained:vae:mnist"], "is of the recipe vae; give one of vqvae"),
        (["--config.data.image_size=32,32"], r"was trained on (16, 16): give --config.data.image_size=16,16"),
    ],
)
def test_what_the_second_run_cannot_stand_on_is_said(tmp_path, capsys, changes, message):
    assert main([*flags(tmp_path / "run", "untrained:vqvae:flowers,smoke"), *changes]) == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("phase", ["first", "second"])
def test_either_run_is_killed_and_goes_on(tmp_path, phase, assert_same_end):
    first = tmp_path / "first"
    if phase == "second":
        assert main(flags(first)) == 0

    def train(name, **environment):
        command = flags(tmp_path / name, first if phase == "second" else None)
        command.append(f"--compilation_cache={tmp_path / 'cache'}")
        made = [sys.executable, "-m", "jaxgan", *command]
        return subprocess.run(made, env=os.environ | environment, capture_output=True).returncode

    assert train("whole") == 0
    codes = [train("killed", JAXGAN_FAULT="kill@1,kill@3,kill@5") for _ in range(4)]
    assert codes == [-signal.SIGKILL] * 3 + [0]
    assert_same_end(tmp_path / "whole", tmp_path / "killed", 6)


def test_captions_are_drawn_and_ranked(tmp_path, scores, capsys):
    pytest.importorskip("tokenizers", reason="pip install jaxgan[text]")
    codes, judge, run = tmp_path / "codes", tmp_path / "judge", tmp_path / "run"
    short = ["--config.training.steps=2", "--no_progress"]
    assert main(["train", "--config=dvae:folder,smoke", f"--workdir={codes}", *short]) == 0
    assert main(["train", "--config=clip:captions,smoke", f"--workdir={judge}", *short]) == 0
    second = [f"--config.first.run={codes}", f"--config.rerank.run={judge}"]
    assert main(["train", "--config=dalle:captions,smoke", f"--workdir={run}", *short, *second]) == 0
    # A caption each for training, twice as many as pictures; of held-out pictures the first one alone.
    made = {path.name.partition("-")[0]: about_tokens(path) for path in (codes / "codes").iterdir() if path.is_dir()}
    assert made["train"]["length"] == 2 * 1438 and made["test"]["length"] == 359
    assert scores(run, "--metrics=perplexity")["perplexity"]["value"] > 1
    assert 0 <= scores(judge, "--metrics=retrieval")["retrieval"]["value"] <= 1
    texts = ["--caption=a picture of three", "--caption=seven", "--num_images=4"]
    drawn = {}
    for name, more in {"one": [], "best": ["--set=candidates=4"], "again": ["--set=candidates=4"]}.items():
        assert main(["sample", f"--workdir={run}", *texts, *more, f"--out={tmp_path / name}"]) == 0
        drawn[name] = np.stack([np.asarray(Image.open(p)) for p in sorted((tmp_path / name).glob("*.png"))])
    assert drawn["one"].shape == (4, 16, 16) and (drawn["one"] != drawn["best"]).any()
    np.testing.assert_array_equal(drawn["best"], drawn["again"])
    given = ["--inputs=digits:test", "--num_images=3", "--set=kept_rows=8", f"--out={tmp_path / 'split'}"]
    assert main(["sample", f"--workdir={run}", *given]) == 0
    capsys.readouterr()
    assert main(["sample", f"--workdir={run}", f"--out={tmp_path / 'none'}"]) == 1
    assert "this run draws for captions: give --caption=TEXT, or --inputs=SET:SPLIT" in capsys.readouterr().err
    assert main(["sample", f"--workdir={codes}", "--caption=one", f"--out={tmp_path / 'none'}"]) == 1
    assert "--caption: this run draws for no text" in capsys.readouterr().err
