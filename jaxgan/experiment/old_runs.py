"""Configs of runs that an earlier version trained, in today's sections and keys."""

from collections.abc import Callable
from typing import Any

from ml_collections import ConfigDict

from jaxgan.experiment.sections import keywords
from jaxgan.training.optim import optimizer

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

# Keys that left the section ``method``: their section and name, and how their values read there.
_METHOD_KEYS: dict[str, tuple[str, str, Callable[[Any], Any]]] = {
    "labels_from": ("latents", "from_data", lambda value: value == "data"),
    "split_d": ("method", "joint", lambda value: not value),
    "move_statistics_in_d": ("method", "g_stats_in_d", bool),
    "dequantize": ("preprocess", "dequantize", bool),
    "clip": ("clip", "bound", float),
    "top_k_minimum": ("top_k", "minimum", float),
    "top_k_decay": ("top_k", "decay", float),
    "top_k_steps": ("top_k", "steps", int),
    "orthogonal_weight": ("orthogonal", "weight", float),
    "orthogonal_exclude": ("orthogonal", "exclude", lambda value: value),
    "accumulate": ("microbatches", "count", int),
    "noise_scale": ("microbatches", "noise_scale", bool),
    "unroll": ("microbatches", "unroll", lambda value: value),
}


def converted(record: dict[str, Any]) -> dict[str, Any]:
    """A run's ``config.json`` in today's layout; one that has it already is given back equal.

    ``stabilisers.X``, and ``regularizers.X`` of an augmentation or a head, go to ``regularizers.X``, ``augment.X`` or
    ``heads.X``; ``generator.bottom`` is ``generator.base``, ``generator.seed_norm`` ``generator.project_norm``; keys
    that left ``method`` go to ``latents``, ``preprocess``, ``clip``, ``top_k``, ``orthogonal`` and ``microbatches``.
    """
    found = {name: value for name, value in record.items() if name not in ("stabilisers", "regularizers")}
    for old in ("stabilisers", "regularizers"):
        for name, keys in record.get(old, {}).items():
            section = _SECTIONS.get(name, "regularizers")
            found[section] = {**found.get(section, {}), name: keys}
    if "generator" in found:
        found["generator"] = {_GENERATOR_KEYS.get(key, key): value for key, value in found["generator"].items()}
    for key, value in record.get("method", {}).items():
        if key in _METHOD_KEYS:
            section, name, read = _METHOD_KEYS[key]
            found["method"] = {k: v for k, v in found["method"].items() if k != key}
            found[section] = {**found.get(section, {}), name: read(value)}
    if "optimizer" in found:
        # Settings that came later are off in the function's defaults; a recipe's own may have them on since.
        found["optimizer"] = {player: keywords(optimizer) | keys for player, keys in found["optimizer"].items()}
    return found


# Sections whose keys are each config's own: one that is absent was left out.
_OWN = ("data.fields",)


def complete(config: ConfigDict, defaults: ConfigDict, *, within: str = "") -> None:
    """Adds the keys that ``config`` lacks, which came into being since it was written.

    Args:
      config: of a run.
      defaults: of its recipe.
      within: the dotted name of the section that both are, with a dot.
    """
    for name, value in defaults.items():
        if name not in config:
            config[name] = value
        elif isinstance(value, ConfigDict) and within + name not in _OWN:
            complete(config[name], value, within=f"{within}{name}.")
