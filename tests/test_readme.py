"""The README's promises: its example runs, its configs exist, its commands parse."""

import re
from pathlib import Path

import numpy as np

from jaxgan.experiment.config_file import load, names

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


def test_every_config_named_exists_and_every_config_is_named():
    named = set(re.findall(r"`(biggan_\w+)", TEXT))
    stem = "biggan_imagenet"
    assert {n for n in named if n not in names()} <= {"biggan_deep"}
    families = [recipe for recipe in re.findall(r"`(\w+)`", TEXT) if f"{recipe}_grid25" in names()]
    data = re.findall(r"`RECIPE_(\w+)`", TEXT)
    promised = {f"{recipe}_{name}" for recipe in families for name in data}
    assert len(families) >= 14 and promised <= set(names())
    for name in names():
        ends = (name.removeprefix(stem), name.removeprefix("biggan_deep_imagenet"))
        assert name in named or name in promised or any(end in TEXT for end in ends), name


def test_pictures_are_there():
    for path in re.findall(r"\]\((docs/[^)]+)\)", TEXT):
        assert (ROOT / path).is_file(), path


def test_overrides_in_the_readme_are_keys():
    config = load("biggan_cifar10")
    for key in re.findall(r"--config\.([a-z0-9_.]+)=", TEXT):
        if key != "section.key":
            section = config
            for part in key.split("."):
                assert part in section, key
                section = section[part]
