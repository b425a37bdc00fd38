"""``jaxgan monitor`` on a run of two steps."""

import json

import pytest

from jaxgan.cli.main import main

CHANGES = [
    "--config=sngan:grid25,smoke",
    "--config.training.health=true",
    "--config.training.singular_values_every=2",
    "--config.regularizers.spread.directions=4",
]


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    assert main(["train", f"--workdir={folder}", "--no_progress", *CHANGES]) == 0
    return folder


@pytest.mark.slow
def test_records_hold_health_where_it_is_measured(workdir):
    first, second = (json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines())
    for record in (first, second):
        assert record["d/update_ratio"] > 0 and record["g/update_ratio"] > 0 and record["g/spread"] > 0
        assert record["d/gap"] == pytest.approx(record["d/real"] - record["d/fake"], abs=1e-5)
        assert record["d/sigma/hidden_1"] > 0
    # Weights that begin orthogonal, with equal singular values, have hardly moved.
    assert "d/sigma_2/hidden_1" not in first
    assert second["d/sigma_2/hidden_1"] == pytest.approx(second["d/sigma/hidden_1"], rel=0.3)


def test_the_terminal_and_the_page_show_it(workdir, tmp_path, capsys, unchanged):
    assert main(["monitor", str(workdir)]) == 0
    shown = capsys.readouterr().out
    assert "step 2 of 2" in shown and "d/update_ratio" in shown and "time: " in shown
    assert main(["monitor", str(workdir), f"--html={tmp_path / 'report.html'}"]) == 0
    text = (tmp_path / "report.html").read_text()
    assert "data:image/png;base64," in text and "sigma_2" in text


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--seconds=0"], "a number from 0.5"),
        (["--watch", "--html=x.html"], "one of the two"),
        (["--html=/nowhere/at/all/x.html"], "no folder"),
    ],
)
def test_mistakes_are_one_sentence(workdir, flags, said, capsys, unchanged):
    assert main(["monitor", str(workdir), *flags]) == 1
    assert said in capsys.readouterr().err
    assert main(["monitor", str(workdir / "none")]) == 1
    assert "holds no run" in capsys.readouterr().err
