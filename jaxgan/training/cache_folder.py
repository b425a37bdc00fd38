"""Where files are kept between runs."""

import os
from pathlib import Path


def cache_folder(*parts: str) -> Path:
    """``$XDG_CACHE_HOME/jaxgan/...``, or ``~/.cache/jaxgan/...``; nothing is made."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser().joinpath("jaxgan", *parts)
