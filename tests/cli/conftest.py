import json
import logging
import os

import pytest

from jaxgan.cli.main import main


@pytest.fixture
def unchanged(monkeypatch):
    """Puts back what main sets for its process."""
    for name in ("XLA_FLAGS", "JAX_PLATFORMS"):
        monkeypatch.setenv(name, os.environ[name])
    level = logging.getLogger("jaxgan").level
    yield
    logging.getLogger("jaxgan").setLevel(level)


@pytest.fixture
def scores(capsys):
    """``scores(workdir, *flags)``: what ``jaxgan evaluate`` prints, score -> its record."""

    def evaluated(workdir, *flags):
        capsys.readouterr()
        assert main(["evaluate", f"--workdir={workdir}", "--json", "--no_progress", *flags]) == 0
        return {record["metric"]: record for record in map(json.loads, capsys.readouterr().out.splitlines())}

    return evaluated
