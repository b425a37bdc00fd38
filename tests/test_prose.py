"""Plain words in docstrings, comments, messages and pages: a list of those that are not used, and what to write."""

import ast
import io
import itertools
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted(path for folder in ("jaxgan", "configs", "docs", "launch") for path in (ROOT / folder).rglob("*.py"))
TESTS = sorted(path for path in (ROOT / "tests").rglob("*.py") if path != Path(__file__))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]

# Distances are apart ("as far apart as", "2 apart"); the rest has a plainer word.
INSTEAD = {
    r"\bbeside\b": "next to, with, compared with",
    r"\bbut for\b": "except",
    r"\bin the place of\b": "instead of",
    r"(?<!far )(?<!\d )\bapart\b": "separate, separately; told apart: distinguished",
    r"\balike\b": "the same, equal, equally",
    r"\bin turn\b": "each, one after another",
    r"\bplays?\b": "update (of a player), game",
}
TITLE = re.compile(r"(What|Which)\b")
# Columns within which a paragraph's next word would have fitted with certainty: lines are up to 120 wide.
ROOM = 90


def broken_rules(text: str) -> Iterator[str]:
    flat = " ".join(text.split())
    for pattern, instead in INSTEAD.items():
        for match in re.finditer(pattern, flat, re.I):
            yield f"...{flat[max(0, match.start() - 40) : match.end() + 40]}... (write: {instead})"


def docstrings(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield ast.get_docstring(node) or ""


def comments(source: str) -> str:
    """All comments; those that continue on the next line read as one sentence."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return " ".join(token.string.lstrip("# ") for token in tokens if token.type == tokenize.COMMENT)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_sources_are_in_plain_words(path):
    source = path.read_text()
    tree = ast.parse(source)
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    found = [rule for text in [*texts, comments(source)] for rule in broken_rules(text)]
    found += [
        f"a title begins with {TITLE.match(text)[1]}: {text[:60]}" for text in docstrings(tree) if TITLE.match(text)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_pages_are_in_plain_words(path):
    text = path.read_text()
    titles = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", text, flags=re.S), re.M)
    found = [*broken_rules(text), *(f"a title begins with {title[:60]}" for title in titles if TITLE.match(title))]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_tests_are_in_plain_words(path):
    """Their docstrings and comments; what they look for is in the words of what they look at."""
    source = path.read_text()
    texts = list(docstrings(ast.parse(source)))
    found = [rule for text in [*texts, comments(source)] for rule in broken_rules(text)]
    found += [f"a title begins with {text[:60]}" for text in texts if TITLE.match(text)]
    found += [wrap for text in texts for wrap in broken_wraps(text)]
    assert not found, "\n".join(found)


def test_the_changelog_is_in_plain_words():
    """Code aside, which names what has gone too."""
    found = list(broken_rules(re.sub(r"`[^`]*`", "", (ROOT / "CHANGELOG.md").read_text())))
    assert not found, "\n".join(found)


def broken_wraps(text: str) -> Iterator[str]:
    """Lines that end in mid-sentence where the next word had room, as re-wrapping one long line of many leaves them."""
    for line, following in itertools.pairwise(text.splitlines()):
        # An argument's line, a table's row, a command.
        stands_alone = re.match(r"[\w, ]+:|.*\S  |.*=|python |jaxgan ", following.strip())
        goes_on = re.search(r"\w$", line) and re.match(r"\s*[a-z(`]", following) and not stands_alone
        if goes_on and len(line) + 1 + len(following.split()[0]) < ROOM:
            yield f"{line.strip()!r} goes on with {following.strip()[:40]!r}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_paragraphs_are_wrapped_whole(path):
    found = [wrap for text in docstrings(ast.parse(path.read_text())) for wrap in broken_wraps(text)]
    assert not found, "\n".join(found)


def test_a_broken_wrap_is_found():
    assert list(broken_wraps("A Gaussian's\n   are\n   of a density: its bits compare with nothing."))


@pytest.mark.parametrize(
    "text",
    [
        "drawn apart from it",
        "images beside others",
        "all but for two",
        "told apart",
        "they are alike",
        "each in\n    turn",
    ],
)
def test_the_rules_find_what_they_are_for(text):
    assert list(broken_rules(text))


def test_distances_may_be_apart():
    assert not list(broken_rules("as far apart as the latents are, 2 apart; the next one; alikeness")), "too strict"
