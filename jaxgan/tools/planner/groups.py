"""Device groups of a collective: which devices take part together, and the mesh axes that they span."""

import re
from collections.abc import Mapping

import numpy as np

_GROUPS = re.compile(
    r"(?:replica_groups|source_target_pairs)="
    r"(mesh\[[^\]]*\][^{]*\{[^}]*\}|\[[\d,]+\]<=\[[\d,]+\](?:T\([\d,]+\))?|\{(?:\{[\d,]*\},?)*\})"
)


def groups_text(attributes: str) -> str | None:
    """The groups among an instruction's attributes; None where it names none."""
    found = _GROUPS.search(attributes)
    return found.group(1) if found else None


def device_groups(text: str, devices: int) -> np.ndarray:
    """Groups of positions in the program's device order, [groups, size].

    Reads XLA's forms ``{{0,1},{2,3}}``, ``[2,2]<=[4]``, ``[2,2]<=[2,2]T(1,0)`` and ``mesh['a'=2,'b'=2] {'b'}``; no text
    is one group of all. Source-target pairs of a permute are read as groups of two.

    Raises:
      ValueError: on another form.
    """
    text = text.strip()
    if text in ("", "{}"):
        return np.arange(devices)[None]
    named = re.match(r"mesh\[([^\]]*)\] *\{([^}]*)\}", text)
    if named:
        sizes = {key: int(size) for key, size in re.findall(r"'([^']+)'=(\d+)", named.group(1))}
        along = re.findall(r"'([^']+)'", named.group(2))
        grid = np.arange(int(np.prod(list(sizes.values())))).reshape(*sizes.values())
        rest = [axis for axis, key in enumerate(sizes) if key not in along]
        order = rest + [list(sizes).index(key) for key in along]
        return grid.transpose(order).reshape(-1, int(np.prod([sizes[key] for key in along])))
    iota = re.match(r"\[([\d,]+)\]<=\[([\d,]+)\](?:T\(([\d,]+)\))?", text)
    if iota:
        shape, source = ([int(n) for n in iota.group(k).split(",")] for k in (1, 2))
        ids = np.arange(int(np.prod(source))).reshape(source)
        if iota.group(3):
            ids = ids.transpose([int(n) for n in iota.group(3).split(",")])
        return ids.reshape(shape)
    rows = re.findall(r"\{([\d, ]+)\}", text)
    if rows:
        listed = [[int(n) for n in row.split(",")] for row in rows]
        if len({len(row) for row in listed}) == 1:
            return np.asarray(listed)
    raise ValueError(f"cannot read the groups of devices {text!r}")


def spanned_axes(groups: np.ndarray, mesh: Mapping[str, int]) -> frozenset[str]:
    """The axes of a mesh (name -> size, in order) along which devices of one group differ."""
    where = np.stack(np.unravel_index(groups, tuple(mesh.values())), axis=-1)
    differs = (where != where[:, :1]).any(axis=(0, 1))
    return frozenset(name for name, spans in zip(mesh, differs) if spans)
