"""Workdir of a run: its lock, config and environment (software, devices)."""

import contextlib
import difflib
import fcntl
import hashlib
import importlib.metadata
import json
import os
import platform
from collections.abc import Iterator
from typing import Any

import jax
from etils import epath

from jaxgan.training.errors import UserError

_PACKAGES = ("jaxgan", "jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy", "grain", "tensorflow-datasets")


def config_text(config: dict[str, Any]) -> str:
    """A config as sorted, indented JSON."""
    return json.dumps(config, indent=2, sort_keys=True) + "\n"


def fingerprint(config: dict[str, Any]) -> str:
    """SHA-256 of a config's text."""
    return hashlib.sha256(config_text(config).encode()).hexdigest()


def claim_config(workdir: epath.PathLike, config: dict[str, Any], *, accept_change: bool = False) -> None:
    """Writes ``config.json`` in a new folder; in a used one, checks that the config is the same.

    Raises:
      UserError: with a diff, where it is another, unless ``accept_change``, which writes the new one.
    """
    path = epath.Path(workdir) / "config.json"
    text = config_text(config)
    if path.exists() and not accept_change:
        old = path.read_text()
        if old == text:
            return
        diff = difflib.unified_diff(
            old.splitlines(), text.splitlines(), "the run's config", "the config given", "", "", 0, ""
        )
        changed = "\n".join(line for line in diff if not line.startswith("@@"))
        raise UserError(
            f"{workdir} holds a run under another config; start in a new --workdir, or pass --accept_config_change to "
            f"go on under the config given:\n{changed}"
        )
    if jax.process_index() == 0:
        path.parent.mkdir(parents=True, exist_ok=True)
        whole = path.with_name("config.json.tmp")
        whole.write_text(text)
        whole.replace(path)


def read_config(workdir: epath.PathLike) -> dict[str, Any]:
    """The config that a run was started under.

    Raises:
      UserError: where ``workdir`` holds no run.
    """
    path = epath.Path(workdir) / "config.json"
    if not path.exists():
        raise UserError(f"{workdir} holds no run (no config.json); give the --workdir of a `jaxgan train`")
    return json.loads(path.read_text())


def write_environment(workdir: epath.PathLike) -> None:
    """Writes ``env.json``: versions and devices of the newest start."""
    versions = {}
    for package in _PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[package] = importlib.metadata.version(package)
    record = {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "versions": versions,
        "devices": [str(d) for d in jax.devices()],
        "device_kind": jax.devices()[0].device_kind,
        "processes": jax.process_count(),
        "xla_flags": os.environ.get("XLA_FLAGS", ""),
    }
    (epath.Path(workdir) / "env.json").write_text(json.dumps(record, indent=2) + "\n")


@contextlib.contextmanager
def lock(workdir: epath.PathLike) -> Iterator[None]:
    """Holds the folder against a second run, until the block or the process ends, however it ends.

    Object stores have no locks; there it holds nothing.

    Raises:
      UserError: where another process holds it.
    """
    path = epath.Path(workdir)
    if "://" in str(path) or jax.process_index() != 0:
        yield
        return
    path.mkdir(parents=True, exist_ok=True)
    with open(path / "LOCK", "a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            raise UserError(
                f"{workdir} is in use by process {file.read().strip() or 'unknown'}; wait for it, or choose "
                "another --workdir"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
