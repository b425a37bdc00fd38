"""A study's pictures side by side."""

import numpy as np
from PIL import Image

from jaxgan.tools.studies import Study
from jaxgan.tools.studies.gallery import gallery
from jaxgan.tools.studies.results import FINISHED, Result


def result(variant, seed, status=FINISHED):
    return Result(variant, seed, status, 2, 8, 1.0, None, {}, {}, "", 1)


def test_each_variant_shows_the_last_samples_of_its_first_finished_seed(tmp_path):
    study = Study(
        name="s", title="", variants=dict.fromkeys("abc", "gan:ring8,smoke"), seeds=(3, 4), scores=("eval/emd",)
    )
    assert gallery(study, tmp_path, [result("a", 3)]) is None
    for variant, seed, step, value in (("a", 3, 2, 10), ("a", 3, 10, 20), ("b", 3, 2, 30), ("b", 4, 2, 40)):
        folder = tmp_path / variant / f"seed{seed}" / "samples"
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("L", (30, 20), value).save(folder / f"{step}.png")
        Image.new("L", (30, 20), 99).save(folder / f"{step}-code_0.png")
    found = gallery(study, tmp_path, [result("a", 3), result("b", 3, "diverged"), result("b", 4), result("c", 3)])
    assert found.dtype == np.uint8 and found.shape == (40, 72, 3)
    assert (found[14:34, :30] == 20).all() and (found[14:34, 36:66] == 40).all()
