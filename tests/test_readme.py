"""The README's and the documentation's promises: examples run, commands parse, configs and links exist."""

import contextlib
import functools
import importlib
import io
import re
from pathlib import Path

import numpy as np
import pytest

from jaxgan import recipes
from jaxgan.cli.list import config_records
from jaxgan.cli.main import VERBS
from jaxgan.experiment.config_file import load
from jaxgan.methods.regularizer import Context, DiscriminatorOutput

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text()
    for path in sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
}
EXAMPLES = [
    pytest.param(page, code, id=f"{page}-{number}")
    for page, text in PAGES.items()
    for number, code in enumerate(re.findall(r"```python\n(.*?)```", text, re.S))
]
# Words that stand for the reader's own.
PLACEHOLDERS = {"NAME", "NAME:VARIANT", "RECIPE", "mine.py", "..."}


def test_the_readme_is_one_screen():
    assert len(README.splitlines()) < 100
    assert len(re.findall(r"```python\n(.*?)```", README, re.S)[0].splitlines()) <= 20


def test_the_readme_counts_its_recipes():
    assert f"{len(recipes.names())} recipes of papers" in README


def test_the_readmes_example_trains_and_samples():
    (code,) = re.findall(r"```python\n(.*?)```", README, re.S)
    scope = {}
    exec(compile(code, "README.md", "exec"), scope)
    assert int(scope["state"].step) == 0  # the step is counted by the trainer
    assert np.isfinite(float(scope["metrics"]["g/loss"]))
    assert scope["images"].shape == (8, 28, 28, 1) and np.abs(scope["images"]).max() <= 1


@pytest.mark.parametrize(
    "page, code", [e for e in EXAMPLES if e.values[0] not in ("README.md", "docs/architecture.md", "docs/scores.md")]
)
def test_examples_of_the_documentation_run(page, code, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    exec(compile(code, page, "exec"), {})


def test_the_architecture_pages_regularizer_acts():
    scope = {}
    exec(
        compile(re.findall(r"```python\n(.*?)```", PAGES["docs/architecture.md"], re.S)[0], "architecture.md", "exec"),
        scope,
    )
    assert scope["drift"]() is None
    nothing = Context(*[None] * len(Context._fields))
    real = DiscriminatorOutput((np.array([1.0, 3.0]),))
    output = scope["drift"](weight=2.0).d_term(nothing._replace(real=real))
    assert float(output.loss) == 10.0 and float(output.metrics["drift"]) == 5.0


def test_the_scores_example_prints_a_score(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (code,) = re.findall(r"```python\n(.*?)```", PAGES["docs/scores.md"], re.S)
    exec(compile(code, "docs/scores.md", "exec"), {})
    value, count = capsys.readouterr().out.split()
    assert float(value) > 0 and int(count) == 1438


def commands(text: str) -> list[list[str]]:
    """Every ``jaxgan VERB ...`` of a page, in blocks and in backticks, without its comment, as words."""
    whole = re.sub(r"\\\n\s*", "", text)
    found = re.findall(r"^\s*(?:\$ )?jaxgan (.+)$", whole, re.M) + re.findall(r"`jaxgan ([^`]+)`", whole)
    words = (re.split(r"\s#|\s>>|\s&|\s\|", line)[0].replace("\n", " ") for line in found)
    return [words for words in map(str.split, words) if words[0] in VERBS]


@functools.cache
def flags_of(verb: str) -> set[str]:
    with contextlib.redirect_stdout(io.StringIO()) as out, pytest.raises(SystemExit):
        importlib.import_module(f"jaxgan.cli.{verb}").run(["--help"])
    return set(re.findall(r"--\w+", out.getvalue()))


@pytest.mark.parametrize("page", [page for page, text in PAGES.items() if commands(text)])
def test_commands_name_configs_keys_and_flags_that_exist(page):
    for verb, *arguments in commands(PAGES[page]):
        given = [argument.partition("=")[::2] for argument in arguments if argument.startswith("--")]
        config = next((value for flag, value in given if flag == "--config"), "biggan:cifar10")
        sections = None if config in PLACEHOLDERS else load(config)
        for flag, _ in given:
            if flag.startswith("--config.") and sections is not None and flag != "--config.section.key":
                assert functools.reduce(lambda tree, key: tree[key], flag.split(".")[1:-1], sections), (page, flag)
                section = functools.reduce(lambda tree, key: tree[key], flag.split(".")[1:-1], sections)
                assert flag.split(".")[-1] in section, (page, flag)
            elif not flag.startswith("--config"):
                assert flag in flags_of(verb), f"{page}: jaxgan {verb} has no {flag}"


def test_scripts_and_configs_named_exist():
    for page, text in PAGES.items():
        for path in re.findall(r"(?:docs/measure|configs|launch|tests|jaxgan)(?:/\w+)*/\w+\.(?:py|sh|yaml)\b", text):
            assert (ROOT / path).is_file(), f"{page} names {path}"
        for name in re.findall(r"`(\w+:[\w,=]+)`", text):
            if name.partition(":")[0] in recipes.names():
                load(name)


def rows(text: str, *names: str) -> dict[str, dict[str, str]]:
    """The table of a page whose header has these columns, by its first column's words in backticks."""
    for block in re.findall(r"(?:^\|.*\n)+", text, re.M):
        header, _, *lines = [
            [cell.strip() for cell in line.strip().strip("|").split("|")] for line in block.splitlines()
        ]
        if set(names) <= set(header):
            cells = (dict(zip(header, line, strict=True)) for line in lines)
            return {name: row for row in cells for name in re.findall(r"`(\w+)`", row[header[0]])}
    raise AssertionError(f"no table with the columns {names}")


def test_the_readmes_table_is_that_of_the_recipes():
    table = rows(README, "recipe", "paper", "configs")
    assert sorted(table) == recipes.names()
    for name, row in table.items():
        assert recipes.paper(name)[1] in row["paper"], name


def test_the_readmes_figures_are_those_measured():
    table, page = rows(README, "recipe", "modes of 25"), PAGES["docs/families.md"]
    grid = rows(page.partition("## On the grid of 25")[2], "recipe", "modes")
    mnist = rows(page.partition("## On MNIST")[2], "recipe", "fd")
    assert {name for name, row in table.items() if row["modes of 25"]} == grid.keys() == mnist.keys()
    for name in grid:
        assert table[name]["modes of 25"] == grid[name]["modes"] and table[name]["MNIST, fd"] == mnist[name]["fd"], name


def test_every_variant_is_named():
    text = README + PAGES["docs/families.md"]
    shared = set(re.findall(r"`RECIPE:(\w+)`", text))
    families = set(rows(README, "recipe", "modes of 25")) - {"biggan", "biggan_deep"}
    named = set(re.findall(r"`(\w+:\w+)", text)) | {f"{family}:{name}" for family in families for name in shared}
    for record in config_records():
        for variant in record["variants"]:
            assert f"{record['config']}:{variant['name']}" in named


def anchors(text: str) -> set[str]:
    """The anchors that a git host gives to a page's headings."""
    titles = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", text, flags=re.S), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", PAGES[page]):
        if not target.startswith("http"):
            path, _, anchor = target.partition("#")
            file = (ROOT / page).parent / path if path else ROOT / page
            assert file.is_file(), f"{page} links to {target}"
            assert not anchor or anchor in anchors(file.read_text()), f"{page} links to {target}"


def test_the_architecture_page_and_the_api_pages_have_every_package():
    packages = {path.parent.name for path in (ROOT / "jaxgan").glob("*/__init__.py")}
    text = PAGES["docs/architecture.md"].partition("## Packages")[2].partition("## The life")[0]
    assert set(re.findall(r"^\| \d \| `(\w+)` \|", text, re.M)) == packages
    assert {path.stem for path in (ROOT / "docs/api").glob("*.md")} - {"index"} == packages
    assert packages == set(re.findall(r"\((\w+)\.md\)", PAGES["docs/api/index.md"]))
