"""Identity of data sets (length, version, class names), and how two differ: a run goes on with its own data only."""

from collections.abc import Mapping, Sequence
from typing import Any

from jaxgan.data import Source
from jaxgan.training.errors import UserError

_SHOWN = 20


def identity(sources: Mapping[str, Source]) -> dict[str, Any]:
    """Length, version and class names of each source, by its name: plain values, for JSON."""
    return {
        name: {"length": source.length, "version": source.version, "classes": list(source.class_names)}
        for name, source in sources.items()
    }


def _difference(saved: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    """The differences between two identities, a line each."""
    lines = []
    for name in sorted(saved.keys() | found.keys()):
        if name not in saved or name not in found:
            lines.append(f"  {name}: {'new' if name in found else 'gone'}")
            continue
        old, new = saved[name], found[name]
        for key in ("length", "version"):
            if old.get(key) != new.get(key):
                lines.append(f"  {name}: {key} was {old.get(key)}, is {new.get(key)}")
        if changes := class_changes(old.get("classes", []), new.get("classes", [])):
            lines.append(f"  {name}: classes {changes}")
    return "\n".join(lines)


def class_changes(before: Sequence[str], now: Sequence[str]) -> str:
    """How the names of classes changed: '-gone +new', 'another order', or '' where they did not."""
    changes = [f"-{c}" for c in before if c not in now] + [f"+{c}" for c in now if c not in before]
    if list(before) != list(now) and not changes:
        changes = ["another order"]
    rest = f" and {len(changes) - _SHOWN} more" if len(changes) > _SHOWN else ""
    return " ".join(changes[:_SHOWN]) + rest


def _renumbered(found: Mapping[str, Any]) -> bool:
    """Whether some set's classes are numbers whose order is not that of the alphabet, by which earlier versions
    numbered them.
    """
    return any(all(c.isdigit() for c in s["classes"]) and sorted(s["classes"]) != s["classes"] for s in found.values())


def check_same(found: Mapping[str, Any], saved: Mapping[str, Any] | None, *, resumed: bool) -> None:
    """Refuses data other than what a run was trained on.

    Args:
      found: the identity of the data.
      saved: that in the run's checkpoint; None where it has none.
      resumed: whether there is a checkpoint.

    Raises:
      UserError: with what differs.
    """
    if saved is not None and saved != found:
        raise UserError(
            f"the data is not what this run was trained on:\n{_difference(saved, found)}\nbring it back, start in a "
            "new --workdir, or pass --accept_data_change to go on with this data"
        )
    if saved is None and resumed and _renumbered(found):
        raise UserError(
            "this run began under an earlier version, which numbered class folders in the order of the alphabet (10 "
            "before 2): rename them so that both orders are the same and keep the classes' numbers, or pass "
            "--accept_data_change to go on with other numbers"
        )
