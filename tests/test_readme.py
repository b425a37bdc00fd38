"""The README's promises: its example runs, its configs exist, its commands parse."""

import re
from pathlib import Path

import numpy as np

from jaxgan.cli.list import config_records
from jaxgan.experiment.config_file import load

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text()


def test_the_python_example_runs():
    (code,) = re.findall(r"```python\n(.*?)```", TEXT, re.S)
    scope = {}
    exec(compile(code, "README.md", "exec"), scope)
    assert int(scope["state"].step) == 0  # the step is counted by the trainer
    assert np.isfinite(float(scope["metrics"]["g/loss"]))


def test_the_families_example_runs():
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "families.md").read_text(), re.S)
    scope = {}
    exec(compile(code, "docs/families.md", "exec"), scope)
    assert scope["config"].networks == "dcgan" and scope["config"].discriminator.layer_norm


def test_the_scores_example_runs(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "scores.md").read_text(), re.S)
    exec(compile(code, "docs/scores.md", "exec"), {})
    value, count = capsys.readouterr().out.split()
    assert float(value) > 0 and int(count) == 1438


def test_every_config_named_exists_and_every_variant_is_named():
    rows = {record["config"]: [variant["name"] for variant in record["variants"]] for record in config_records()}
    given = set(re.findall(r"`(\w+:[\w,=]+)`", TEXT)) | set(re.findall(r"--config=(\w+:[\w,=]+)", TEXT))
    shared = {name.removeprefix("RECIPE:") for name in given if name.startswith("RECIPE:")}
    given = {name for name in given if name.partition(":")[0] in rows}
    families = set(re.findall(r"`(\w+)`", TEXT)) & rows.keys() - {"biggan", "biggan_deep"}
    named = given | {f"{family}:{name}" for family in families for name in shared}
    for name in named:
        assert load(name).recipe == name.partition(":")[0]
    for config, variants in rows.items():
        for variant in variants:
            size = variant.removeprefix("imagenet")
            assert any(name.split(",")[0] == f"{config}:{variant}" for name in named) or f"`{size}`" in TEXT, variant


def test_pictures_are_there():
    for path in re.findall(r"\]\((docs/[^)]+)\)", TEXT):
        assert (ROOT / path).is_file(), path


def test_overrides_in_the_readme_are_keys():
    config = load("biggan:cifar10")
    for key in re.findall(r"--config\.([a-z0-9_.]+)=", TEXT):
        if key != "section.key":
            section = config
            for part in key.split("."):
                assert part in section, key
                section = section[part]
