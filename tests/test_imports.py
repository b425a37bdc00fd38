"""Who may import whom, and what an import costs."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "jaxgan"
ROWS = [
    {"parallel"},
    {"convolutions", "nn", "augment", "objectives", "metrics", "data"},
    {"networks", "features", "latent", "training"},
    {"methods", "evaluation", "interop"},
    {"experiment"},
    {"recipes"},
    {"tools"},
    {"cli"},
]
ROW = {package: number for number, packages in enumerate(ROWS) for package in packages}
# Third party -> the places that may import it.
RESERVED = {
    "ml_collections": ("experiment/", "recipes/", "tools/", "cli/"),
    "orbax": ("training/checkpoint.py",),
    "grain": ("data/",),
    "tensorflow_datasets": ("data/",),
    "flax.linen": ("nn/", "networks/", "features/", "training/update.py"),
    "tensorboardX": ("training/logging.py", "training/events.py"),
    "clu": ("training/logging.py",),
    "tqdm": ("training/logging.py",),
}


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


FILES = sorted(p.relative_to(PACKAGE).as_posix() for p in PACKAGE.rglob("*.py"))


def test_every_package_has_a_row():
    folders = {p.name for p in PACKAGE.iterdir() if p.is_dir() and (p / "__init__.py").exists()}
    assert folders <= ROW.keys()


@pytest.mark.parametrize("file", [f for f in FILES if "/" in f])
def test_packages_import_only_from_rows_above(file):
    own = file.split("/")[0]
    for name in imports(PACKAGE / file):
        if name.startswith("jaxgan."):
            other = name.split(".")[1]
            assert other == own or ROW[other] < ROW[own], f"{file} imports {name}"
        for reserved, places in RESERVED.items():
            if name == reserved or name.startswith(reserved + "."):
                assert file.startswith(places), f"{file} imports {name}, which is for {places}"


@pytest.mark.parametrize(("package", "other"), [("experiment", "recipes"), ("methods", "networks")])
def test_packages_know_nothing_of(package, other):
    """Neither by an import nor by a module's name in a string, such as importlib takes."""
    for file in (PACKAGE / package).rglob("*.py"):
        tree = ast.parse(file.read_text())
        prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        words = {
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose
        }
        found = [name for name in imports(file) | words if re.search(rf"\bjaxgan\.{other}\b", name)]
        assert not found, f"{file.relative_to(PACKAGE)} knows {found}"


@pytest.mark.parametrize("name", sorted(p.stem for p in (PACKAGE / "recipes").glob("*.py") if p.stem != "__init__"))
def test_recipes_are_papers(name):
    tree = ast.parse((PACKAGE / "recipes" / f"{name}.py").read_text())
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert {"default_config", "build"} <= functions
    assert re.search(r"arXiv:\d{4}\.\d{4,5}\b", ast.get_docstring(tree) or ""), "no paper in its docstring"


def test_training_names_no_family():
    families = {p.stem for p in (PACKAGE / "methods").glob("*.py")} | {
        p.stem for p in (PACKAGE / "networks").glob("*.py")
    }
    families -= {"__init__", "classifier", "gan"}
    for file in (PACKAGE / "training").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Name | ast.Attribute):
                word = node.id if isinstance(node, ast.Name) else node.attr
                assert word.lower() not in families, f"{file.name} names {word}"


def loaded_by(statement: str) -> set[str]:
    code = f"{statement}; import sys; print(*sorted({{m.split('.')[0] for m in sys.modules}}))"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def test_layers_alone_bring_no_machinery():
    heavy = {"tensorflow", "tensorflow_datasets", "grain", "orbax", "clu", "ml_collections", "tensorboardX", "sklearn"}
    assert not heavy & loaded_by("import jaxgan.nn, jaxgan.networks.biggan, jaxgan.objectives, jaxgan.latent")


def test_nothing_imports_tensorflow():
    assert "tensorflow" not in loaded_by(
        "import jaxgan.cli.main, jaxgan.recipes.biggan, jaxgan.training.loop, jaxgan.data, jaxgan.evaluation; "
        "import jaxgan.cli.train, jaxgan.cli.run"
    )
