"""One file per paper: ``build(config) -> Experiment``; the file's name is the registry."""

import importlib
import pkgutil
from typing import Any

from ml_collections import ConfigDict

from jaxgan.training.errors import UserError
from jaxgan.training.method import Experiment


def names() -> list[str]:
    """The recipes that exist: the modules here that have a ``build``."""
    found = []
    for module in pkgutil.iter_modules(__path__):
        if hasattr(importlib.import_module(f"{__name__}.{module.name}"), "build"):
            found.append(module.name)
    return sorted(found)


def _module(recipe: str) -> Any:
    if recipe not in names():
        raise UserError(f"config.recipe={recipe!r} is no recipe; there are {', '.join(names())}")
    return importlib.import_module(f"{__name__}.{recipe}")


def default_config(recipe: str) -> ConfigDict:
    """Every key of a recipe's config, with its default.

    Raises:
      UserError: naming the recipes that exist.
    """
    return _module(recipe).default_config()


def build(config: ConfigDict) -> Experiment:
    """Builds the recipe that ``config.recipe`` names.

    Raises:
      UserError: naming the recipes that exist.
    """
    return _module(config.recipe).build(config)
