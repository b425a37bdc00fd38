"""Statistics of an image set's features: computed once, kept under a key that says of what, and portable as .npz."""

import hashlib
import json
import os
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxgan.evaluation.collect import Collected, Wants
from jaxgan.metrics.inception_score import ScoreSums
from jaxgan.metrics.moments import mean_covariance
from jaxgan.training.errors import UserError

KEY_FIELDS = ("data", "version", "split", "count", "resolution", "crop", "resizer", "network", "network_sha256")


class Statistics(NamedTuple):
    """What scores need to know of one set.

    Attributes:
      count: images; None where a file does not say.
      mu, sigma: mean [D] and covariance [D, D] of pooled features, float64.
      spatial_mu, spatial_sigma: of spatial features.
      scores: sums of the Inception Score.
      features: pooled features [count, D] float32.
      labels: int [count].
      stamp: the fields of ``KEY_FIELDS``; empty where a file does not say.
    """

    count: int | None  # type: ignore[assignment]  # tuple has a method of that name
    mu: np.ndarray | None = None
    sigma: np.ndarray | None = None
    spatial_mu: np.ndarray | None = None
    spatial_sigma: np.ndarray | None = None
    scores: ScoreSums | None = None
    features: np.ndarray | None = None
    labels: np.ndarray | None = None
    stamp: Mapping[str, Any] = {}


def statistics_of(collected: Collected, *, labels: np.ndarray | None, stamp: Mapping[str, Any]) -> Statistics:
    """What a pass collected, as statistics.

    Raises:
      ValueError: where features are not finite.
    """
    if collected.bank is not None and not np.isfinite(collected.bank).all():
        bad = np.flatnonzero(~np.isfinite(collected.bank).all(1))
        raise ValueError(
            f"features of {len(bad)} of {collected.count} images are not finite (the first is image {bad[0]}): the "
            "weights are damaged, or the generator drew NaN"
        )
    pool = (None, None) if collected.pool is None else mean_covariance(collected.pool)
    spatial = (None, None) if collected.spatial is None else mean_covariance(collected.spatial)
    return Statistics(
        collected.count, pool[0], pool[1], spatial[0], spatial[1], collected.scores, collected.bank, labels, stamp
    )


def missing(statistics: Statistics, wants: Wants) -> list[str]:
    """What ``wants`` asks for and ``statistics`` lacks (score sums belong to one side alone, and are not asked for)."""
    need = {"mu": wants.pool, "spatial_mu": wants.spatial, "features": wants.bank}
    return [name for name, wanted in need.items() if wanted and getattr(statistics, name) is None]


def save_statistics(path: str | os.PathLike[str], statistics: Statistics) -> None:
    """Writes an .npz that this library, and pytorch-fid (``mu``, ``sigma``), can read; whole or not at all."""
    kept = {
        name: value
        for name, value in statistics._asdict().items()
        if value is not None and name not in ("scores", "stamp")
    }
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.{os.getpid()}.tmp")
    with open(part, "wb") as file:
        np.savez(file, stamp=json.dumps(dict(statistics.stamp)), **kept)
    os.replace(part, target)


def load_statistics(path: str | os.PathLike[str]) -> Statistics:
    """Reads what :func:`save_statistics` wrote, or pytorch-fid's .npz of ``mu`` and ``sigma`` (which says nothing of
    how it was made: its stamp is empty).

    Raises:
      UserError: where the file is missing, no .npz, or holds neither.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            held = {name: file[name] for name in file.files}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise UserError(f"cannot read statistics from {path}: {error}") from error
    if not {"mu", "sigma"} <= held.keys() and "features" not in held:
        raise UserError(f"{path} holds {sorted(held)}; statistics are `mu` [D] and `sigma` [D, D]")
    names = set(Statistics._fields) - {"scores", "stamp", "count"}
    stamp = json.loads(str(held["stamp"])) if "stamp" in held else {}
    arrays: dict[str, Any] = {name: held[name] for name in names & held.keys()}
    return Statistics(int(held["count"]) if "count" in held else None, **arrays, stamp=stamp)


def is_statistics(path: str | os.PathLike[str]) -> bool:
    """Whether an .npz holds statistics rather than images."""
    if Path(path).suffix != ".npz" or not Path(path).is_file():
        return False
    with np.load(path, allow_pickle=False) as file:
        return "images" not in file.files and ("mu" in file.files or "features" in file.files)


def statistics_key(stamp: Mapping[str, Any]) -> str:
    """Sixteen digits of the SHA-256 of ``KEY_FIELDS``: the name in the cache, and the reference in stamps."""
    text = json.dumps({name: stamp[name] for name in KEY_FIELDS}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def statistics_dir() -> Path:
    """The cache: $XDG_CACHE_HOME/jaxgan/statistics, or ~/.cache/jaxgan/statistics."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "jaxgan" / "statistics"


def cached_statistics(
    stamp: Mapping[str, Any],
    wants: Wants,
    compute: Callable[[Wants], Statistics],
    *,
    folder: Path | None = None,
) -> Statistics:
    """The statistics of a reference set: from the cache where it has all that is wanted, else computed and put there.

    Args:
      stamp: ``KEY_FIELDS`` of what is wanted.
      wants: which parts.
      compute: makes them; asked for all that the cache had as well.
      folder: the cache; ``statistics_dir()`` where None.
    """
    path = (folder or statistics_dir()) / f"{statistics_key(stamp)}.npz"
    if path.is_file():
        kept = load_statistics(path)
        if not missing(kept, wants):
            return kept
        wants = wants._replace(
            pool=wants.pool or kept.mu is not None,
            spatial=wants.spatial or kept.spatial_mu is not None,
            bank=wants.bank or kept.features is not None,
        )
    made = compute(wants)
    if jax.process_index() == 0:
        save_statistics(path, made)
    return made
