"""Every command in launch/ and docs/launch/ is one that exists, and the shell scripts are sound."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "launch").iterdir()) + sorted((ROOT / "docs" / "launch").glob("*.md"))
SCRIPTS = sorted((ROOT / "launch").glob("*.sh"))

# What stands before the flags of `jaxgan train`, and before a verb of `jaxgan`.
TRAIN = re.compile(
    r"launch/(?:slurm\.sh|gke\.sh (?:tpu|gpu)|tpu_vm\.sh (?:train|resume)|one_node\.py.*? --) (?=--)(.*)"
)
VERB = re.compile(r"(?:^|[ /])jaxgan ((?:train|sample|evaluate|compare|describe|features) --.*)")


def commands(path: Path) -> list[list[str]]:
    """The words after `jaxgan` of every command of a file: in a comment, a block or backquotes."""
    text = path.read_text().replace("\\\n", " ")
    found = []
    for line in text.splitlines():
        plain = re.sub(r"\[[^\]]*\]", "", line.lstrip("# "))
        for code in re.findall("`([^`]+)`", plain) or [plain]:
            for pattern, verb in ((TRAIN, ["train"]), (VERB, [])):
                if match := pattern.search(code):
                    words = shlex.split(re.split(r" [|>&] ?| 2>| >>", match[1])[0], comments=True)
                    found.append([*verb, *words])
                    break
    return found


def known(words: list[str]) -> list[str]:
    """With a config where a page says NAME."""
    return [word.replace("--config=NAME", "--config=biggan:digits16") for word in words]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_commands_parse(path, parse):
    for words in commands(path):
        if "$@" not in words and '"$@"' not in words:
            parse(known(words))


@pytest.mark.parametrize("flags", [["--restart"], ["--from_step=3"], ["--from_step", "3"]], ids=" ".join)
@pytest.mark.parametrize("script", [["slurm.sh"], ["gke.sh", "gpu"]], ids=" ".join)
def test_what_runs_a_command_again_refuses_one_that_goes_back(script, flags):
    done = subprocess.run(
        ["bash", str(ROOT / "launch" / script[0]), *script[1:], "--config=x", "--workdir=y", *flags],
        env={"PATH": "/usr/bin:/bin", "IMAGE": "i", "ACCELERATOR": "a", "HOSTS": "2"},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (1, "") and f"{flags[0]} would go back again" in done.stderr


def test_commands_are_found():
    counts = {path.name: len(commands(path)) for path in FILES}
    for name in ("one_node.md", "slurm.md", "gke.md", "tpu_vm.md"):
        assert counts[name] >= 2, counts
    for name in ("one_node.py", "slurm.sh", "gke.sh", "tpu_vm.sh"):
        assert counts[name] >= 1, counts


def test_every_launcher_has_a_page_and_pages_name_files_that_exist():
    pages = "".join(path.read_text() for path in FILES if path.suffix == ".md")
    for path in FILES:
        if path.suffix != ".md" and path.name != "make_venv.sh":
            assert f"launch/{path.name}" in pages, path.name
    for name in re.findall(r"(?<!tests/)launch/[a-z_]+\.(?:sh|py|yaml|md)|launch/Dockerfile", pages):
        assert (ROOT / name).exists() or (ROOT / "docs" / name).exists(), name


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_shell_is_sound(path):
    if shutil.which("shellcheck") is None:
        pytest.skip("no shellcheck; on Debian: apt-get install shellcheck")
    done = subprocess.run(["shellcheck", str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
