import logging
import os

import pytest


@pytest.fixture
def unchanged(monkeypatch):
    """Puts back what main sets for its process."""
    for name in ("XLA_FLAGS", "JAX_PLATFORMS"):
        monkeypatch.setenv(name, os.environ[name])
    level = logging.getLogger("jaxgan").level
    yield
    logging.getLogger("jaxgan").setLevel(level)
