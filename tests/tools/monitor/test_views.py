"""A run as the terminal and the page show it."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from jaxgan.tools.monitor.page import MOST_SAMPLES, group_of, page
from jaxgan.tools.monitor.run_view import read_run
from jaxgan.tools.monitor.terminal import screen, sparkline
from jaxgan.training.errors import UserError
from jaxgan.training.records import line_of

HOSTILE = "d/<script>alert(1)</script>\x1b[2J"


@pytest.fixture
def workdir(tmp_path):
    """A run of 60 records, whose names are hostile and whose spread falls."""
    folder = tmp_path / "run"
    (folder / "samples").mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"recipe": "<b>gan", "training": {"steps": 1000}}))
    values = [1.0] * 40 + [0.01] * 20
    lines = [
        line_of(
            {"step": 10 * i, "g/spread": value, "g/loss": None if i == 50 else 0.5, HOSTILE: 1.0, "eval/fid": 9.0},
            "metrics.jsonl",
        )
        for i, value in enumerate(values, 1)
    ]
    (folder / "metrics.jsonl").write_text("".join(lines) + '{"step": 70')
    for step in range(0, 600, 10):
        Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(folder / "samples" / f"{step}.png")
    (folder / "samples" / "10-panel.png").write_bytes(b"not shown")
    (folder / "samples" / "x\x1b[2J.png").write_bytes(b"not shown")
    return folder


def test_the_screen_has_metrics_alarms_and_no_control_characters(workdir):
    shown = screen(read_run(workdir), width=100, height=30)
    lines = shown.split("\n")
    assert len(lines) <= 30 and max(map(len, lines)) <= 100
    assert "run (<b>gan): step 600 of 1,000 (60%)" in lines[0]
    assert "step 500: g/loss: NaN or infinity was logged" in shown
    assert re.search(r"g/loss +0.5  █*▁*", shown) and "\x1b" not in shown
    assert lines.index(next(line for line in lines if line.startswith("eval/fid"))) < lines.index(
        next(line for line in lines if line.startswith("g/spread"))
    )


def test_a_low_screen_says_how_much_is_left_out(workdir):
    shown = screen(read_run(workdir), width=60, height=8)
    assert len(shown.split("\n")) <= 8 and re.search(r"and [23] more metrics", shown)


def test_sparklines_span_the_values():
    assert sparkline(range(8), 8) == "▁▂▃▄▅▆▇█"
    assert sparkline([1.0, 1.0, np.nan], 10) == "▁▁×"
    assert sparkline([0.0, 0.0, 1.0, 1.0], 2) == "▁█"
    assert sparkline([], 5) == "" and sparkline([np.nan], 5) == "×"


def test_the_page_is_whole_and_escaped(workdir):
    text = page(read_run(workdir))
    assert "<script" not in text and "&lt;script&gt;" in text and "<b>gan" not in text
    assert not re.search(r'(src|href)="(?!data:)', text) and "default-src" in text
    assert text.count("data:image/png;base64,") == MOST_SAMPLES
    assert "<figcaption>0</figcaption>" in text and "<figcaption>590</figcaption>" in text
    assert text.count("<polyline") >= 3 and 'class="alarm"' in text


def test_a_run_that_has_only_begun_is_shown(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    run = read_run(tmp_path)
    assert "no record yet" in screen(run) and "no record yet" in page(run)
    with pytest.raises(UserError, match="holds no run"):
        read_run(tmp_path / "none")


def test_quantities_share_a_chart():
    assert {group_of(n) for n in ("d/real", "d/fake", "v.seed0/d/gap")} == {"D's outputs"}
    assert {group_of(n) for n in ("g/loss", "d_1/loss")} == {"loss"}
    assert group_of("d/sigma/block_0/conv") == "sigma" and group_of("v.seed1/eval/fid") == "eval/fid"
