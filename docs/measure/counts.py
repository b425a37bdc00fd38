"""Count files and lines of every package, and of the tests: ``python docs/measure/counts.py [ROOT]``."""

import sys
from pathlib import Path


def main() -> None:
    """Prints a row a package."""
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).resolve().parents[2])
    folders = sorted(p for p in (root / "jaxgan").iterdir() if p.is_dir() and any(p.rglob("*.py")))
    for folder in [*folders, root / "configs", root / "docs" / "measure", root / "tests"]:
        files = [file for file in folder.rglob("*.py") if "__pycache__" not in file.parts]
        lines = sum(len(file.read_text().splitlines()) for file in files)
        print(f"{folder.relative_to(root).as_posix():24} {len(files):4} files {lines:6} lines")


if __name__ == "__main__":
    main()
