"""Studies by path or bare name, with an argument."""

import difflib
from collections.abc import Mapping
from pathlib import Path

from jaxgan.experiment.config_file import folders, function_of, say_file
from jaxgan.tools.studies.study import Study
from jaxgan.training.errors import UserError


def study_names() -> list[str]:
    """The bare names that exist: the files in the ``studies`` folder of every folder of configs."""
    return sorted({file.stem for folder in folders() for file in folder.glob("studies/*.py")})


def find_study(name: str) -> Path:
    """The file of a study given as a path or a bare name.

    Raises:
      UserError: with the names that exist.
    """
    if name.endswith(".py") or "/" in name:
        path = Path(name).expanduser()
        if path.is_file():
            return path
        raise UserError(f"no study file {name}; give a path, or one of: {', '.join(study_names())}")
    for folder in folders():
        if (folder / "studies" / f"{name}.py").is_file():
            return folder / "studies" / f"{name}.py"
    near = difflib.get_close_matches(name, study_names(), 1)
    hint = f" Did you mean {near[0]}?" if near else ""
    raise UserError(
        f"no study called {name!r}.{hint} There are: {', '.join(study_names())}; or give a path ending in .py"
    )


def load_study(name: str, words: Mapping[str, str] | None = None) -> Study:
    """Loads ``name`` ('path.py', 'path.py:arg', 'bare_name' or 'bare_name:arg').

    Args:
      name: the file, and what its ``get_study`` is called with.
      words: more of the argument: 'key=value' of each is joined to it by a comma.

    Raises:
      UserError: on an unknown study, or one that gives no :class:`~jaxgan.tools.studies.study.Study`.
    """
    name, _, arg = name.partition(":")
    path = find_study(name)
    say_file(name, path, None if path == Path(name).expanduser() else Path("studies") / f"{name}.py")
    joined = ",".join([*filter(None, [arg]), *(f"{key}={value}" for key, value in (words or {}).items())])
    study = function_of(path, "get_study", "Study")(joined)
    if not isinstance(study, Study):
        raise UserError(f"{path}: get_study gave a {type(study).__name__}, not a jaxgan.tools.studies.Study")
    return study


def read_words(arg: str, choices: Mapping[str, tuple[str, ...] | None], *, study: str) -> dict[str, str]:
    """A study's argument, 'key=value,key=value', as a mapping: what ``get_study`` starts with. A word alone is a yes.

    Args:
      arg: the argument.
      choices: key -> the values it may have, the first being the default; or None for any text, '' by default.
      study: for messages.

    Raises:
      UserError: on an unknown key or value, with those there are.
    """
    found = {key: "" if values is None else values[0] for key, values in choices.items()}
    for word in filter(None, arg.split(",")):
        key, equals, value = word.partition("=")
        value = value if equals else "yes"
        if key not in choices:
            raise UserError(f"{study} takes {', '.join(f'{k}=...' for k in choices) or 'no argument'}; got {word!r}")
        allowed = choices[key]
        if allowed is not None and value not in allowed:
            raise UserError(f"{study}: {key}={value}; choose from {', '.join(allowed)}")
        found[key] = value
    return found


def read_number(words: Mapping[str, str], key: str, *, study: str) -> float:
    """A word of :func:`read_words` that is a number above 0.

    Raises:
      UserError: on anything else.
    """
    try:
        found = float(words[key])
    except ValueError:
        found = 0.0
    if not 0 < found < float("inf"):
        raise UserError(f"{study}: {key}={words[key]}; give a number above 0")
    return found
