"""Tests drive public names: what is private in the package can change without a test."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
# Public methods of a NamedTuple, whose fields have all other names.
OF_NAMED_TUPLES = {"_replace", "_asdict", "_fields", "_make"}


def is_private(name: str) -> bool:
    return any(re.match(r"_(?!_|$)", part) and part not in OF_NAMED_TUPLES for part in name.split("."))


def imported(tree: ast.AST) -> dict[str, str]:
    """The name in the file -> the full name, of all that is imported."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.asname or alias.name.split(".")[0]: alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return found


def root_of(node: ast.AST) -> ast.AST:
    while isinstance(node, ast.Attribute | ast.Call | ast.Subscript):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node


def private_names(tree: ast.AST) -> Iterator[str]:
    """Private names of the package that a test imports, reads, calls or replaces. Other libraries' are theirs; a name
    that no import gave, such as a fixture's, is taken for the package's own.
    """
    names = imported(tree)
    ours = {known for known, full in names.items() if full.split(".")[0] == "jaxgan"}
    yield from (full for known, full in names.items() if known in ours and is_private(full))
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and is_private(node.attr):
            root = root_of(node)
            if isinstance(root, ast.Name) and root.id != "self" and (root.id in ours or root.id not in names):
                yield ast.unparse(node)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("setattr", "getattr")):
            root, name = root_of(node.args[0]), node.args[1]
            if isinstance(root, ast.Name) and root.id in ours and isinstance(name, ast.Constant):
                yield from filter(is_private, [str(name.value)])
        elif isinstance(node, ast.Constant) and re.fullmatch(r"jaxgan(\.\w+)+", str(node.value)):
            yield from filter(is_private, [str(node.value)])


def test_tests_drive_public_names():
    found = {p.relative_to(TESTS): list(private_names(ast.parse(p.read_text()))) for p in TESTS.rglob("*.py")}
    found.pop(Path(__file__).relative_to(TESTS))
    assert not {file: names for file, names in found.items() if names}


@pytest.mark.parametrize(
    "code",
    [
        "from jaxgan.nn import _x",
        "import jaxgan._nn",
        "from jaxgan import nn\nnn.f()._x",
        "def test(made):\n    made.part._x",
        "from jaxgan import nn\nmonkeypatch.setattr(nn, '_x', 1)",
        "monkeypatch.setattr('jaxgan.nn._x', 1)",
    ],
)
def test_private_names_are_found(code):
    assert list(private_names(ast.parse(code)))


def test_other_names_are_not():
    code = "import pickle\npickle._Pickler\nself._x\npoint._replace(x=1)\ncls.__name__"
    assert not list(private_names(ast.parse(code)))
