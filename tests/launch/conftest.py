"""launch/ is no package: its one Python file is loaded by path."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


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
