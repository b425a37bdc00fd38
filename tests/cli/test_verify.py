import zipfile
from pathlib import Path

import pytest

from jaxgan.cli.main import main

GOLDEN = sorted((Path(__file__).parents[1] / "golden").glob("*.zip"))[-1]


@pytest.fixture
def workdir(tmp_path):
    with zipfile.ZipFile(GOLDEN) as file:
        file.extractall(tmp_path)
    return tmp_path / "run"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_it_names_what_is_damaged_and_changes_nothing(workdir, capsys):
    lines = (workdir / "metrics.jsonl").read_text().splitlines(keepends=True)
    lines[1] = lines[1].replace('"step": 2', '"step": 3')
    (workdir / "metrics.jsonl").write_text("".join(lines))
    (workdir / "best.json").write_text("{")
    largest = max((workdir / "checkpoints" / "6").rglob("*"), key=lambda path: path.stat().st_size)
    content = bytearray(largest.read_bytes())
    content[len(content) // 2] ^= 1
    largest.write_bytes(content)
    before = {path: path.read_bytes() for path in workdir.rglob("*") if path.is_file()}
    assert main(["verify", str(workdir)]) == 1
    printed = capsys.readouterr().out
    assert {path: path.read_bytes() for path in workdir.rglob("*") if path.is_file()} == before
    damaged = [line.split()[0] for line in printed.splitlines() if "DAMAGED" in line]
    assert damaged == ["checkpoints/6", "metrics.jsonl", "best.json"]
    assert "lines [2] of 6" in printed and "3 damaged" in printed


def test_a_folder_without_a_run_is_said_to_be_none(tmp_path, capsys):
    assert main(["verify", str(tmp_path)]) == 1
    assert "holds no run" in capsys.readouterr().err
