"""The README's promises: its example runs, its configs exist, its commands parse."""

import re
from pathlib import Path

import numpy as np

from jaxgan.recipes.config_file import load, names

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text()


def test_the_python_example_runs():
    (code,) = re.findall(r"```python\n(.*?)```", TEXT, re.S)
    scope = {}
    exec(compile(code, "README.md", "exec"), scope)
    assert int(scope["state"].step) == 0  # the step is counted by the trainer
    assert np.isfinite(float(scope["metrics"]["g/loss"]))


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
    for name in names():
        assert name in named or name.removeprefix(stem) in TEXT or name.removeprefix("biggan_deep_imagenet") in TEXT, (
            name
        )


def test_pictures_are_there():
    for path in re.findall(r"\]\((docs/[^)]+)\)", TEXT):
        assert (ROOT / path).is_file(), path


def _keys(section):
    return list(section) if hasattr(section, "keys") else []


def test_overrides_in_the_readme_are_keys():
    config = load("biggan_cifar10")
    for key in re.findall(r"--config\.([a-z_.]+)=", TEXT):
        if key != "section.key":
            assert key in config.to_dict() or key in {f"{s}.{k}" for s in config for k in _keys(config[s])}, key
