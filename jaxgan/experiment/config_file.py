"""Configs by path or bare name, with overrides from the command line (ml_collections' convention)."""

import ast
import difflib
import functools
import importlib.util
import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from ml_collections import ConfigDict

from jaxgan.data.printable import printable
from jaxgan.experiment.variants import Variants
from jaxgan.training.errors import UserError

log = logging.getLogger("jaxgan")

_PACKAGE = Path(__file__).resolve().parent.parent


def folders() -> list[Path]:
    """Where bare names are looked up: the clone's configs/ or the installed package's, then ./configs. A file of the
    current folder never takes the place of a shipped one.
    """
    places = [_PACKAGE.parent / "configs", _PACKAGE / "configs", Path.cwd() / "configs"]
    return [p for p in dict.fromkeys(places) if p.is_dir()]


def names() -> list[str]:
    """The bare names that exist."""
    return sorted({f.stem for folder in folders() for f in folder.glob("*.py") if not f.stem.startswith("_")})


def find(name: str, arg: str = "") -> Path:
    """The file of a config given as a path or a bare name; ``arg`` is for the answer where there is none.

    Raises:
      UserError: with the names that exist, or the variant that the name of a config of its own has become.
    """
    by_path = name.endswith(".py") or "/" in name
    places = [Path(name).expanduser()] if by_path else [folder / f"{name}.py" for folder in folders()]
    for place in places:
        if place.is_file():
            return place
    variant = _as_variant(Path(name).stem, arg, cutoff=1.0)
    if variant:
        raise UserError(f"no config called {name!r}: it is a variant now, {variant}; `jaxgan list` prints all")
    if by_path:
        raise UserError(f"no config file {name}; give a path, or one of: {', '.join(names())}")
    near = _as_variant(name, arg, cutoff=0.6) or next(iter(difflib.get_close_matches(name, names(), 1)), None)
    hint = f" Did you mean {near}?" if near else ""
    raise UserError(f"no config called {name!r}.{hint} There are: {', '.join(names())}; or give a path ending in .py")


def _as_variant(name: str, arg: str, *, cutoff: float) -> str | None:
    """'biggan:digits16' for 'biggan_digits16': the longest config that has a variant as similar to the rest of the name
    as ``cutoff`` says (1 for equal).
    """
    cuts = [place for place, letter in enumerate(name) if letter == "_"]
    for cut in reversed(cuts):
        stem = name[:cut]
        if stem not in names():
            continue
        for variant in difflib.get_close_matches(name[cut + 1 :], variants_of(find(stem)), 1, cutoff):
            return f"{stem}:{','.join(filter(None, [variant, arg]))}"
    return None


def variants_of(path: Path) -> Variants:
    """The ``VARIANTS`` of a config file; none where it has none."""
    return getattr(_module(path), "VARIANTS", {})


def _parse(text: str, current: Any, key: str) -> Any:
    """``text`` as a value of the kind of ``current``."""
    if isinstance(current, bool):
        if text.lower() in ("true", "1", "yes"):
            return True
        if text.lower() in ("false", "0", "no"):
            return False
        raise UserError(f"--config.{key}={text}: give true or false")
    if isinstance(current, str):
        return text
    words = {"true": True, "false": False, "none": None}
    if text.lower() in words and (current is None or text.lower() == "none"):
        return words[text.lower()]
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):  # the last two of hundreds of brackets
        value = text
    if isinstance(value, int) and abs(value) > sys.float_info.max:
        raise UserError(f"--config.{key}: a number of {len(text)} characters is larger than any that is taken")
    if isinstance(current, tuple):
        value = tuple(value) if isinstance(value, list | tuple) else (value,)
        if any(isinstance(v, str) for v in value):
            raise UserError(f"--config.{key}={text}: give numbers, such as {current or (1, 2)}")
        return value
    if isinstance(current, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(current, int) and isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(current, int | float) and type(value) is not type(current):
        kind = "a whole number" if isinstance(current, int) else "a number"
        raise UserError(f"--config.{key}={text}: give {kind}, such as {current}")
    return value


def override(config: ConfigDict, key: str, text: str) -> None:
    """Sets ``section.key`` to ``text``, read as the value it replaces.

    Raises:
      UserError: where there is no such key, with those that exist; or where the text is of another kind.
    """
    section: Any = config
    parts = key.split(".")
    for depth, part in enumerate(parts):
        where = ".".join(["config", *parts[:depth]])
        if not isinstance(section, ConfigDict):
            raise UserError(f"--config.{key}: {where} is a value, not a section")
        if part not in section:
            near = difflib.get_close_matches(part, list(section), 1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise UserError(
                f"--config.{key}: no key {part!r} in {where}.{hint} There are: {', '.join(sorted(section))}"
            )
        if depth < len(parts) - 1:
            section = section[part]
    current = section[parts[-1]]
    if isinstance(current, ConfigDict):
        raise UserError(f"--config.{key} is a section; set one of its keys: {', '.join(sorted(current))}")
    from jaxgan.experiment.keys import (
        find_key,
        table_of,
    )  # late: the table knows the networks, and flags answer without them

    rule = find_key(key, table_of(config))
    value = _parse(text, current, key)
    with section.ignore_type():
        section[parts[-1]] = value if rule is None else rule.read(value, text)


def split_overrides(arguments: Sequence[str]) -> tuple[list[str], list[tuple[str, str]]]:
    """Takes the ``--config.a.b=value`` (or ``--config.a.b value``) out of a command line.

    Returns:
      The rest, and (key, text) pairs in order.
    """
    rest, pairs = [], []
    queue = list(arguments)
    while queue:
        item = queue.pop(0)
        if not item.startswith("--config."):
            rest.append(item)
            continue
        key, equals, text = item.removeprefix("--config.").partition("=")
        if not equals:
            if not queue or queue[0].startswith("--"):
                raise UserError(f"{item} needs a value: {item}=VALUE")
            text = queue.pop(0)
        pairs.append((key, text))
    return rest, pairs


def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"jaxgan_file_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise UserError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@functools.cache  # once a process: a study loads one file for each of its variants
def say_file(name: str, path: Path, shipped: Path | None = None) -> None:
    """Logs which file a bare name runs, and a file of the current folder that it might have meant.

    Args:
      name: as it was given.
      path: that is run.
      shipped: the name's place in a folder of configs, for the current folder's; None for no such question.
    """
    log.info("%s is %s", printable(name), printable(str(path)))
    own = None if shipped is None else Path.cwd() / "configs" / shipped
    if own is not None and own.is_file() and own.resolve() != path.resolve():
        log.warning("configs/%s of this folder is another file, and not run: name it by its path to run it", shipped)


def function_of(path: Path, name: str, gives: str) -> Callable[[str], Any]:
    """The function ``name(arg='')`` of a Python file.

    Raises:
      UserError: where the file is no Python, or has no such function; ``gives`` says what it should return.
    """
    module = _module(path)
    if not hasattr(module, name):
        raise UserError(f"{path} has no {name}(arg='') -> {gives}")
    return getattr(module, name)


def load(name: str, overrides: Sequence[tuple[str, str]] = ()) -> ConfigDict:
    """Loads ``name`` ('biggan:digits16', 'biggan', 'path.py' or 'path.py:arg'), applies overrides, and checks every key
    (:func:`jaxgan.experiment.keys.check_config`).

    Raises:
      UserError: on an unknown config, argument or key, or a value that no run could mean.
    """
    from jaxgan.experiment.keys import check_config

    name, _, arg = name.partition(":")
    path = find(name, arg)
    say_file(name, path, None if path == Path(name).expanduser() else Path(f"{name}.py"))
    config = function_of(path, "get_config", "ConfigDict")(arg)
    if not isinstance(config, ConfigDict):
        raise UserError(f"{path}: get_config gave a {type(config).__name__}, not an ml_collections.ConfigDict")
    for key, text in overrides:
        override(config, key, text)
    check_config(config)
    return config


def from_json(record: dict[str, Any]) -> ConfigDict:
    """The config of a run's config.json; lists there are tuples here."""

    def tuples(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: tuples(v) for k, v in value.items()}
        return tuple(tuples(v) for v in value) if isinstance(value, list) else value

    return ConfigDict(tuples(record))
