"""Weak scaling of a program: as many images a chip on ever more chips should leave a chip's work as it is."""

from collections.abc import Mapping, Sequence
from typing import Any

_FIGURES = ("flops_per_device", "bytes_per_device", "peak_hbm_bytes")


def slice_shape(chips: int, axes: int) -> tuple[int, ...]:
    """The squarest shape of powers of two with that many chips, smallest axis first, such as 2x4 for 8.

    Raises:
      ValueError: where ``chips`` is no power of two.
    """
    if chips < 1 or chips & (chips - 1):
        raise ValueError(f"--weak_scaling: {chips} chips: give powers of two, such as 8,64,256")
    shape = [1] * axes
    for turn in range(chips.bit_length() - 1):
        shape[-1 - turn % axes] *= 2
    return tuple(sorted(shape))


def weak_scaling(plans: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Each plan's figures, with their ratio to the first plan's."""
    rows = []
    for plan in plans:
        row: dict[str, Any] = {"topology": plan["topology"], "devices": plan["devices"], "batch": plan["batch"]}
        for key in _FIGURES:
            row[key] = plan[key]
            row[f"{key}_ratio"] = plan[key] / plans[0][key] if plans[0][key] else None
        rows.append(row)
    return rows
