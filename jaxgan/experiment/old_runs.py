"""Configs of runs that an earlier version trained, in today's sections and keys."""

from typing import Any

# Names that moved out of the one section of regularizers, which was also called ``stabilisers``.
_SECTIONS = {
    "apa": "augment",
    "diffaugment": "augment",
    "ada": "augment",
    "instance_noise": "augment",
    "auxiliary": "heads",
    "information": "heads",
}
_GENERATOR_KEYS = {"bottom": "base", "seed_norm": "project_norm"}


def converted(record: dict[str, Any]) -> dict[str, Any]:
    """A run's ``config.json`` in today's layout; one that has it already is given back equal.

    ``stabilisers.X``, and ``regularizers.X`` of an augmentation or a head, go to ``regularizers.X``, ``augment.X`` or
    ``heads.X``; ``generator.bottom`` is ``generator.base``, ``generator.seed_norm`` ``generator.project_norm``.
    """
    found = {name: value for name, value in record.items() if name not in ("stabilisers", "regularizers")}
    for old in ("stabilisers", "regularizers"):
        for name, keys in record.get(old, {}).items():
            section = _SECTIONS.get(name, "regularizers")
            found[section] = {**found.get(section, {}), name: keys}
    if "generator" in found:
        found["generator"] = {_GENERATOR_KEYS.get(key, key): value for key, value in found["generator"].items()}
    return found
