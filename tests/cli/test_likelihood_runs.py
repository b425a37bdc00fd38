"""Autoencoders and autoregressive models through the command line: bounds, codes that are changed, images completed."""

import numpy as np
import pytest
from PIL import Image

from jaxgan.cli.main import main

pytestmark = pytest.mark.slow


def read(path):
    return np.asarray(Image.open(path))


def test_an_autoencoder_is_bounded_tighter_by_more_samples_and_its_codes_are_changed(tmp_path, scores):
    workdir = tmp_path / "run"
    flags = ["--config=vae:mnist,smoke", "--config.training.steps=300", "--config.training.save_every=300"]
    assert main(["train", *flags, f"--workdir={workdir}", "--no_progress"]) == 0
    one = scores(workdir, "--metrics=elbo")["elbo"]
    many = scores(workdir, "--metrics=elbo", "--set", "samples=50")["elbo"]
    # 64 pixels of black and white; a coin a pixel is 44.4 nats.
    assert -40 < one["value"] < many["value"] < 0
    assert one["stamp"] != many["stamp"]
    sampled = {}
    for name, more in {"code": [], "same": [], "moved": ["--set=dim=1", "--set=value=3"]}.items():
        inputs = ["--inputs=digits:test", "--num_images=4"]
        assert main(["sample", f"--workdir={workdir}", *inputs, f"--out={tmp_path / name}", *more]) == 0
        sampled[name] = np.stack([read(path) for path in sorted((tmp_path / name).glob("*.png"))]).astype(int)
    np.testing.assert_array_equal(sampled["code"], sampled["same"])
    assert np.abs(sampled["code"] - sampled["moved"]).max() > 10
    # Pictures of any size are brought to the run's.
    folder = tmp_path / "pictures"
    folder.mkdir()
    Image.fromarray(np.full((20, 30), 200, np.uint8)).save(folder / "a.png")
    assert main(["sample", f"--workdir={workdir}", f"--inputs={folder}", f"--out={tmp_path / 'drawn'}"]) == 0
    assert read(tmp_path / "drawn" / "a.png").shape == (8, 8)


def test_the_lower_half_is_drawn_below_what_is_given(tmp_path, scores):
    workdir = tmp_path / "run"
    assert main(["train", "--config=pixelcnn:mnist,smoke", f"--workdir={workdir}", "--no_progress"]) == 0
    found = scores(workdir, "--metrics=elbo,bits_per_dim")
    assert found["bits_per_dim"]["value"] == pytest.approx(-found["elbo"]["value"] / (64 * np.log(2)))
    for name, rows in (("none", 0), ("half", 4), ("all", 8)):
        flags = ["--inputs=digits:test", "--num_images=3", f"--set=kept_rows={rows}", f"--out={tmp_path / name}"]
        assert main(["sample", f"--workdir={workdir}", *flags]) == 0
    none, half, everything = (
        np.stack([read(p) for p in sorted((tmp_path / name).glob("*.png"))]) for name in ("none", "half", "all")
    )
    assert set(np.unique(everything)) <= {0, 255}
    np.testing.assert_array_equal(half[:, :4], everything[:, :4])
    assert (half[:, 4:] != everything[:, 4:]).any() and (none[:, :4] != everything[:, :4]).any()
