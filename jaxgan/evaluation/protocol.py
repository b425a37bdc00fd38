"""The protocol stamp: what a score was measured on and by, and whether two of them may be compared."""

import functools
import hashlib
import importlib.metadata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jaxgan.training.errors import UserError

# What was scored, and fields that change no comparison: they may differ between numbers that are put side by side.
MAY_DIFFER = ("images", "images_version", "images_split", "perceptual", "step", "seed", "code")


@functools.cache
def code_version() -> str:
    """The package's version, and eight digits of the SHA-256 of its source: edits show."""
    root = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for file in sorted(root.rglob("*.py")):
        digest.update(file.relative_to(root).as_posix().encode() + file.read_bytes())
    return f"jaxgan {importlib.metadata.version('jaxgan')}+{digest.hexdigest()[:8]}"


def differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """The fields in which two stamps are unlike, with both values (None where absent); what was scored may differ."""
    names = [name for name in {**a, **b} if name not in MAY_DIFFER]
    return {name: (a.get(name), b.get(name)) for name in names if a.get(name) != b.get(name)}


def require_same_protocol(
    a: Mapping[str, Any], b: Mapping[str, Any], *, what: str, names: tuple[str, str], allow: tuple[str, ...] = ()
) -> None:
    """Refuses unlike stamps.

    Args:
      a, b: the stamps.
      what: the metric, for the message.
      names: whose stamps they are.
      allow: fields that may differ all the same.

    Raises:
      UserError: with every field that differs.
    """
    unlike = {name: pair for name, pair in differences(a, b).items() if name not in allow}
    if unlike:
        lines = [
            f"  {name}: {first!r} in {names[0]}, {second!r} in {names[1]}" for name, (first, second) in unlike.items()
        ]
        raise UserError(
            f"{what} was measured by unlike protocols, so the two numbers say nothing about each other:\n"
            + "\n".join(lines)
        )


def short(stamp: Mapping[str, Any]) -> str:
    """The stamp on one line, for people."""
    parts = []
    if stamp.get("num_images") is not None:
        parts.append(f"{stamp['num_images']:,} images")
    if stamp.get("reference"):
        split, count = stamp.get("reference_split"), stamp.get("reference_count")
        where = f"against {stamp['reference']}" + ("" if split is None else f" {split}")
        parts.append(where + ("" if count is None else f" ({count:,})"))
    if stamp.get("network"):
        parts.append(f"{stamp['network']} {stamp['network_sha256'][:8]}, resizer {stamp['resizer']}")
    parts += [f"{k} {v}" for k, v in (stamp.get("settings") or {}).items()]
    if stamp.get("inputs"):
        parts.append(f"inputs {stamp['inputs']}")
    if "ema" in stamp:
        parts.append(f"{'averaged' if stamp['ema'] else 'raw'} weights, {stamp['batch_norm']} statistics")
        mode = stamp["truncation_mode"]
        parts.append(f"truncation {mode}" + ("" if mode == "none" else f" {stamp['truncation']:g}"))
        parts += [f"{name} {value}" for name, value in (stamp.get("options") or {}).items()]
        parts[-1] += f", seed {stamp['seed']}"
    if stamp.get("step") is not None:
        parts.append(f"step {stamp['step']:,}")
    return "; ".join(parts)


def line(metric: str, value: float, stderr: float | None, stamp: Mapping[str, Any]) -> str:
    """A score with its stamp on one line, for people."""
    error = "" if stderr is None else f" ± {stderr:.2g}"
    return f"{metric.upper()} {value:.4g}{error}   [{short(stamp)}]"
