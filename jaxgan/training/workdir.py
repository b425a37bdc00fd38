"""Workdir of a run: its config and environment (software, devices)."""

import contextlib
import difflib
import hashlib
import importlib.metadata
import json
import logging
import os
import platform
from typing import Any, NamedTuple

import jax
from etils import epath

from jaxgan.training.checkpoint import saved_steps, sound_metas
from jaxgan.training.errors import UserError
from jaxgan.training.storage import names_in, read_or_none, write_whole, writing

log = logging.getLogger("jaxgan")

_PACKAGES = ("jaxgan", "jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy", "grain", "tensorflow-datasets")


def config_text(config: dict[str, Any]) -> str:
    """A config as sorted, indented JSON."""
    return json.dumps(config, indent=2, sort_keys=True) + "\n"


def fingerprint(config: dict[str, Any]) -> str:
    """SHA-256 of a config's text."""
    return hashlib.sha256(config_text(config).encode()).hexdigest()


class _Saved(NamedTuple):
    """The config that a checkpoint was saved under: its step, the fingerprint, and all of it where it was kept."""

    step: int
    fingerprint: str
    config: dict[str, Any] | None


def _newest_saved(root: epath.Path) -> _Saved | None:
    """Of the newest checkpoint whose meta is sound; None where there is none."""
    for step, meta in sound_metas(root):
        if isinstance(noted := meta.get("config"), str):
            config = meta.get("settings")
            whole = isinstance(config, dict) and fingerprint(config) == noted
            return _Saved(step, noted, config if whole else None)
    return None


def claim_config(workdir: epath.PathLike, config: dict[str, Any], *, accept_change: bool = False) -> None:
    """Writes ``config.json`` in a new folder, or one where nothing was saved yet; in a used one, checks that the config
    is the same. A damaged or missing file is written again, which is said, where the config is that of the newest
    checkpoint.

    Raises:
      UserError: with a diff, where it is another, unless ``accept_change``, which writes the new one.
      UnreadableError: where storage fails.
    """
    root = epath.Path(workdir)
    path, text = root / "config.json", config_text(config)
    content = read_or_none(path)
    if content == text.encode():
        return
    if saved_steps(root) or "quarantine" in names_in(root):
        _check_unchanged(root, content, config, accept_change)
    if jax.process_index() == 0:
        with writing(root):
            root.mkdir(parents=True, exist_ok=True)
        write_whole(path, text)


def _check_unchanged(root: epath.Path, content: bytes | None, config: dict[str, Any], accept_change: bool) -> None:
    """Refuses a config other than that of a used folder; says it where that one is damaged."""
    problem, saved = _problem(root, content), _newest_saved(root)
    same = saved is not None and saved.fingerprint == fingerprint(config)
    if accept_change or (problem is not None and (same or (content is None and saved is None))):
        if problem is not None and jax.process_index() == 0:
            of = f", that of checkpoint {saved.step}" if same and saved is not None else ""
            log.warning("%s %s; written again with the config given%s", root / "config.json", problem, of)
        return
    if problem is None and content is not None:
        before = content.decode(errors="replace")
    elif saved is not None and saved.config is not None:
        before = config_text(saved.config)
    else:
        known = "" if saved is None else f", and the config given is not that of checkpoint {saved.step}"
        raise UserError(
            f"{root / 'config.json'} {problem}{known}: bring the file back from a copy, start in a new --workdir, or "
            "pass --accept_config_change to go on under the config given"
        )
    diff = difflib.unified_diff(
        before.splitlines(), config_text(config).splitlines(), "the run's config", "the config given", "", "", 0, ""
    )
    changed = "\n".join(line for line in diff if not line.startswith("@@"))
    raise UserError(
        f"{root} holds a run under another config; start in a new --workdir, or pass --accept_config_change to go on "
        f"under the config given:\n{changed}"
    )


def _parsed(content: bytes) -> dict[str, Any] | None:
    """The JSON object in a file's bytes; None where there is none."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _problem(root: epath.Path, content: bytes | None) -> str | None:
    """In which way the ``content`` of config.json is not what was written; None where nothing says that it is not."""
    if content is None:
        return "is missing"
    found = _parsed(content)
    if found is None:
        return "is damaged"
    mark, noted = fingerprint(found), _noted_fingerprint(root / "env.json")
    if mark == noted:
        return None
    saved = {meta.get("config") for _, meta in sound_metas(root)}
    if mark in saved or (noted is None and not saved):
        return None
    return f"is not the config that the run was started under (fingerprint {mark[:12]})"


def config_problem(workdir: epath.PathLike) -> str | None:
    """In which way a run's config.json is missing, damaged or not the run's; None where it is sound.

    Raises:
      UserError: where ``workdir`` holds no run.
      UnreadableError: where storage fails.
    """
    root = epath.Path(workdir)
    content = read_or_none(root / "config.json")
    if content is None and not saved_steps(root):
        raise UserError(f"{workdir} holds no run (no config.json); give the --workdir of a `jaxgan train`")
    return _problem(root, content)


def read_config(workdir: epath.PathLike) -> dict[str, Any]:
    """The config that a run was started under. Where ``config.json`` is missing, damaged or another than env.json and
    the checkpoints note, it is that of the newest sound checkpoint, which is said.

    Raises:
      UserError: where ``workdir`` holds no run, or no checkpoint holds the config.
      UnreadableError: where storage fails.
    """
    root = epath.Path(workdir)
    path, problem = root / "config.json", config_problem(root)
    content = read_or_none(path)
    found = None if content is None else _parsed(content)
    if found is not None and problem is None:
        return found
    saved = _newest_saved(root)
    if saved is None or saved.config is None:
        raise UserError(f"{path} {problem}; bring it back from a copy, or start the run's own command again")
    log.warning(
        "%s %s; read from checkpoint %d, which keeps the config that it was saved under", path, problem, saved.step
    )
    return saved.config


def _noted_fingerprint(path: epath.Path) -> str | None:
    """The config's fingerprint in env.json; None where there is none that can be read."""
    content = read_or_none(path)
    noted = (_parsed(content) or {}).get("config") if content is not None else None
    return noted if isinstance(noted, str) else None


def _own_fingerprint(workdir: epath.Path) -> str | None:
    content = read_or_none(workdir / "config.json")
    found = None if content is None else _parsed(content)
    return None if found is None else fingerprint(found)


def write_environment(workdir: epath.PathLike) -> None:
    """Writes ``env.json``: versions and devices of the newest start, and the fingerprint of its config, which a later
    reading of config.json is checked against.
    """
    versions = {}
    for package in _PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[package] = importlib.metadata.version(package)
    record = {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "config": _own_fingerprint(epath.Path(workdir)),
        "versions": versions,
        "devices": [str(d) for d in jax.devices()],
        "device_kind": jax.devices()[0].device_kind,
        "processes": jax.process_count(),
        "xla_flags": os.environ.get("XLA_FLAGS", ""),
    }
    write_whole(epath.Path(workdir) / "env.json", json.dumps(record, indent=2) + "\n")
