import zipfile
from pathlib import Path

import pytest

from jaxgan.cli.main import main
from jaxgan.training.record_counts import Count, write_counts

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


def test_a_damaged_config_and_lost_records_are_reported_with_the_rest(workdir, capsys):
    (workdir / "config.json").write_text("{")
    write_counts(workdir, [Count(6, {"metrics.jsonl": 7, "scores.jsonl": 5})])
    assert main(["verify", str(workdir)]) == 1
    damaged = [line for line in capsys.readouterr().out.splitlines() if "DAMAGED" in line]
    assert [line.split()[0] for line in damaged] == ["config.json", "checkpoints/", "metrics.jsonl"]
    assert "DAMAGED: is damaged" in damaged[0] and "not checked" in damaged[1]
    assert "1 of 7 records up to step 6 are lost" in damaged[2]


def test_a_folder_without_a_run_is_said_to_be_none(tmp_path, capsys):
    assert main(["verify", str(tmp_path)]) == 1
    assert "holds no run" in capsys.readouterr().err
