"""Workdir of a run: its config and environment (software, devices)."""

import contextlib
import difflib
import hashlib
import importlib.metadata
import json
import os
import platform
from typing import Any

import jax
from etils import epath

from jaxgan.training.checkpoint import saved_configs, saved_steps
from jaxgan.training.errors import UserError
from jaxgan.training.storage import write_whole, writing

_PACKAGES = ("jaxgan", "jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy", "grain", "tensorflow-datasets")


def config_text(config: dict[str, Any]) -> str:
    """A config as sorted, indented JSON."""
    return json.dumps(config, indent=2, sort_keys=True) + "\n"


def fingerprint(config: dict[str, Any]) -> str:
    """SHA-256 of a config's text."""
    return hashlib.sha256(config_text(config).encode()).hexdigest()


def claim_config(workdir: epath.PathLike, config: dict[str, Any], *, accept_change: bool = False) -> None:
    """Writes ``config.json`` in a new folder, or one where nothing was saved yet; in a used one, checks that the config
    is the same.

    Raises:
      UserError: with a diff, where it is another, unless ``accept_change``, which writes the new one.
    """
    root = epath.Path(workdir)
    path, text = root / "config.json", config_text(config)
    with writing(path):
        used = bool(saved_steps(root)) or (root / "quarantine").exists()
        old = path.read_text() if path.exists() else None
    if old == text:
        return
    if old is not None and used and not accept_change:
        diff = difflib.unified_diff(
            old.splitlines(), text.splitlines(), "the run's config", "the config given", "", "", 0, ""
        )
        changed = "\n".join(line for line in diff if not line.startswith("@@"))
        raise UserError(
            f"{workdir} holds a run under another config; start in a new --workdir, or pass --accept_config_change to "
            f"go on under the config given:\n{changed}"
        )
    if jax.process_index() == 0:
        with writing(root):
            root.mkdir(parents=True, exist_ok=True)
        write_whole(path, text)


def read_config(workdir: epath.PathLike, *, check: bool = True) -> dict[str, Any]:
    """The config that a run was started under; with ``check``, only where it is the one that env.json notes.

    Raises:
      UserError: where ``workdir`` holds no run.
    """
    path = epath.Path(workdir) / "config.json"
    if not path.exists():
        raise UserError(f"{workdir} holds no run (no config.json); give the --workdir of a `jaxgan train`")
    try:
        found = json.loads(path.read_text())
    except ValueError as error:
        raise UserError(f"{path} is damaged ({error}); bring it back from a copy") from None
    if not isinstance(found, dict):
        raise UserError(f"{path} holds no config; bring it back from a copy")
    noted = _noted_fingerprint(path.with_name("env.json")) if check else None
    if noted not in (None, fingerprint(found)) and fingerprint(found) not in saved_configs(path.parent):
        raise UserError(
            f"{path} is not the config that the run was started under (fingerprint {fingerprint(found)[:12]}, env.json "
            f"says {noted[:12]}); bring it back from a copy, or start the run's own command again"
        )
    return found


def _noted_fingerprint(path: epath.Path) -> str | None:
    """The config's fingerprint in env.json; None where there is none that can be read."""
    try:
        noted = json.loads(path.read_text())["config"]
        return noted if isinstance(noted, str) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _own_fingerprint(workdir: epath.Path) -> str | None:
    path = workdir / "config.json"
    return fingerprint(json.loads(path.read_text())) if path.exists() else None


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
    path = epath.Path(workdir) / "env.json"
    with writing(path):
        path.write_text(json.dumps(record, indent=2) + "\n")
