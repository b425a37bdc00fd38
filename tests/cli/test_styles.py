"""Generators of styles through the command line: pictures of styles, and scores of both spaces."""

import numpy as np
import pytest
from PIL import Image

from jaxgan.cli.main import main

pytestmark = pytest.mark.slow

SIZES = ["generator.resolution", "discriminator.resolution"]


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    path = tmp_path_factory.mktemp("run") / "run"
    sizes = [f"--config.{key}=32" for key in SIZES] + ["--config.data.image_size=(32, 32)"]
    assert main(["train", "--config=stylegan2:flowers,smoke", *sizes, f"--workdir={path}", "--no_progress"]) == 0
    return path


@pytest.mark.parametrize(
    ("flags", "rows", "columns"),
    [
        (["--mix=coarse"], 3, 4),
        (["--mix=6-7"], 3, 4),
        (["--noise_grid"], 2, 3),
        (["--interpolate=w", "--set=psi=0.5"], 2, 3),
    ],
)
def test_pictures_of_styles(workdir, tmp_path, flags, rows, columns):
    out = tmp_path / "x.png"
    assert main(["sample", f"--workdir={workdir}", "--num_images=6", "--columns=3", f"--out={out}", *flags]) == 0
    assert np.asarray(Image.open(out)).shape == (33 * rows - 1, 33 * columns - 1, 3)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--mix=fin"], "give coarse, middle, fine, or layers such as 4-7"),
        (["--mix=8-10"], "is layers 8 to 10: this run's images have 10 styles, layers 0 to 9"),
        (["--noise_grid", "--set=noise=const"], "shows what noise changes: leave --set noise=const out"),
        (["--noise_grid", "--mix=coarse"], "--mix and --noise_grid are two pictures"),
    ],
)
def test_pictures_that_cannot_be_drawn(workdir, tmp_path, capsys, flags, message):
    assert main(["sample", f"--workdir={workdir}", f"--out={tmp_path / 'x.png'}", *flags]) == 1
    assert message in capsys.readouterr().err


def test_scores_of_both_spaces(workdir, scores):
    found = scores(workdir, "--metrics=ppl_z,ppl_w,separability", "--num_images=64")
    # LPIPS's weights are not always there.
    names = [name.replace("_pd_efficientnet_lite0", "") for name in found]
    assert names == ["ppl_z", "ppl_w", "separability", "separability_w"]
    assert all(np.isfinite(score["value"]) and score["value"] > 0 for score in found.values())
