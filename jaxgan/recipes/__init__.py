"""Recipes, one file a paper: ``default_config()``, ``tiny(config)`` and ``build(config) -> Experiment``.

The file's name is the registry.
"""

import importlib
import pkgutil
import re
from typing import Any

from ml_collections import ConfigDict

from jaxgan.experiment.keys import check_config
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
    """A recipe's module: one of this package, or by its dotted name one of the user's own."""
    if "." in recipe:
        try:
            module = importlib.import_module(recipe)
        except ModuleNotFoundError as error:
            raise UserError(f"config.recipe={recipe!r}: {error}; put its folder on PYTHONPATH") from error
        missing = [name for name in ("build", "default_config") if not hasattr(module, name)]
        if missing:
            raise UserError(f"config.recipe={recipe!r}: {module.__file__} has no function {missing[0]}")
        return module
    if recipe not in names():
        raise UserError(
            f"config.recipe={recipe!r} is no recipe; there are {', '.join(names())}, or give your own module's dotted "
            "name"
        )
    return importlib.import_module(f"{__name__}.{recipe}")


def paper(recipe: str) -> tuple[str, str]:
    """A recipe's paper and its arXiv id, from the first sentence of its checklist: ('WGAN: Wasserstein GAN (Arjovsky et
    al. 2017)', '1701.07875').

    Raises:
      UserError: naming the recipes that exist.
    """
    first = " ".join(_module(recipe).__doc__.split("\n\n")[0].split())
    title, arxiv = re.match(r"(.*?),? arXiv:(\d{4}\.\d{4,5})", first).groups()  # type: ignore[union-attr]
    return f"{title})", arxiv


def default_config(recipe: str, networks: str | None = None) -> ConfigDict:
    """Every key of a recipe's config, with its default; with other networks than the recipe's own where named.

    Raises:
      UserError: naming the recipes, or the networks, that exist.
    """
    module = _module(recipe)
    config = module.default_config()
    return config if networks in (None, config.get("networks")) else module.default_config(networks)


def default_config_of(config: ConfigDict) -> ConfigDict:
    """Every key of the recipe and networks that ``config`` names, with its default."""
    return default_config(config.recipe, config.get("networks"))


def build(config: ConfigDict, *, check: bool = True) -> Experiment:
    """Builds the recipe that ``config.recipe`` names, once every key is checked.

    Args:
      config: of the recipe.
      check: refuse values that no run could mean; False for the config of a run that was trained nevertheless, by a
        version that took them.

    Raises:
      UserError: naming the recipes that exist; on a value that no run could mean, or that the recipe does not take.
    """
    if "recipe" not in config:
        raise UserError(f"the config names no recipe; set config.recipe to one of {', '.join(names())}")
    module = _module(config.recipe)
    if check:
        check_config(config)
    return module.build(config)
