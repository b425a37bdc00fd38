"""Runs of earlier releases open, are sound, and draw what they drew (made by docs/measure/golden_run.py)."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
from golden_run import draw

from jaxgan.cli.main import main

FILES = sorted((Path(__file__).parent / "golden").glob("*.zip"))


def test_there_is_one():
    assert FILES


@pytest.mark.parametrize("packed", FILES, ids=lambda path: path.stem)
def test_a_run_of_an_earlier_release_opens_and_draws_the_same(packed, tmp_path, capsys):
    with zipfile.ZipFile(packed) as file:
        file.extractall(tmp_path)
    assert main(["verify", str(tmp_path / "run")]) == 0
    assert "all sound" in capsys.readouterr().out
    draw(tmp_path / "run", tmp_path / "again.npz")
    with np.load(tmp_path / "again.npz") as again, np.load(tmp_path / "drawn.npz") as drawn:
        assert set(again) == set(drawn)
        for name in drawn:
            np.testing.assert_allclose(again[name], drawn[name], rtol=1e-5, atol=1e-6, err_msg=name)
