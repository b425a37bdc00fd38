"""The folder of launchers, and commands that are parsed and not run."""

import importlib
from collections.abc import Callable
from pathlib import Path

import pytest

from jaxgan.cli import arguments
from jaxgan.cli.main import VERBS
from jaxgan.experiment.config_file import load


@pytest.fixture(scope="session")
def launch() -> Path:
    return Path(__file__).parents[2] / "launch"


class _Parsed(Exception):
    pass


@pytest.fixture
def parse(monkeypatch) -> Callable[[list[str]], None]:
    """Parses the words of a `jaxgan` command as it would itself, config and overrides too, and runs nothing."""
    real = arguments.parse

    def parse_only(made, words):
        parsed, overrides = real(made, words)
        if hasattr(parsed, "config"):
            load(parsed.config, overrides)
        raise _Parsed

    monkeypatch.setattr(arguments, "parse", parse_only)

    def parse_command(words: list[str]) -> None:
        assert words[0] in VERBS, words
        with pytest.raises(_Parsed):
            importlib.import_module(f"jaxgan.cli.{words[0]}").run(words[1:])

    return parse_command
