"""Ends a script in one sentence where an optional package that it needs is not installed."""

import importlib.util
import sys


def require(*packages: str, extra: str) -> None:
    """Exits with how to install ``packages``, which come with jaxgan's ``extra``, where any is missing."""
    missing = [package for package in packages if importlib.util.find_spec(package) is None]
    if missing:
        sys.exit(f"{sys.argv[0]} needs {', '.join(missing)}: pip install 'jaxgan[{extra}]'")
