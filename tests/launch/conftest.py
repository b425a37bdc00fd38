"""launch/ is no package: its one Python file is loaded by path."""

import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from jaxgan.cli import arguments
from jaxgan.cli.main import VERBS
from jaxgan.experiment.config_file import load


@pytest.fixture(scope="session")
def launch() -> Path:
    return Path(__file__).parents[2] / "launch"


@pytest.fixture(scope="session")
def one_node(launch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("one_node", launch / "one_node.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["one_node"] = module
    spec.loader.exec_module(module)
    return module


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
