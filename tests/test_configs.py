"""Every config file says its paper, its variants, its launch line and its hardware."""

import re
from pathlib import Path

import pytest

from jaxgan.cli.list import config_records
from jaxgan.experiment.config_file import load

CONFIGS = Path(__file__).parents[1] / "configs"
ROWS = [f"{record['config']}:{variant['name']}" for record in config_records() for variant in record["variants"]]


@pytest.mark.parametrize("name", ROWS)
def test_the_config_s_docstring_has_its_paper_its_row_and_its_launch_line(name):
    config, _, variant = name.partition(":")
    text = (CONFIGS / f"{config}.py").read_text().split('"""')[1]
    assert re.search(r"^Paper: .*arXiv:\d{4}\.\d{4,5}", text, re.M | re.S)
    assert re.search(rf"^  {variant} +\S", text, re.M)
    launched = re.findall(r"jaxgan train --config=(\S+) --workdir=\S+", text)
    # The last one: a recipe of two runs has the first run's before it.
    assert launched and load(launched[-1]).recipe == config and all(map(load, launched))
    assert re.search(r"^Hardware: ", text, re.M)
