"""Statistics of an image set's features: computed once, kept under a key that says of what, and portable as .npz."""

import hashlib
import json
import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxgan.data.npz import npz_names, read_npz
from jaxgan.data.source import MAX_CLASSES
from jaxgan.evaluation.collect import Collected, FeatureRequest
from jaxgan.metrics.feature_moments import mean_covariance
from jaxgan.metrics.inception_score import ScoreSums
from jaxgan.training.cache_folder import cache_folder
from jaxgan.training.errors import UserError

log = logging.getLogger("jaxgan")

KEY_FIELDS = ("data", "version", "split", "count", "resolution", "crop", "resizer", "network", "network_sha256")


class Statistics(NamedTuple):
    """Statistics of one set that scores need.

    Attributes:
      count: images; None where a file does not say.
      mu, sigma: mean [D] and covariance [D, D] of pooled features, float64.
      spatial_mu, spatial_sigma: of spatial features.
      scores: sums of the Inception Score.
      features: pooled features [count, D] float32.
      labels: int [count].
      stamp: the fields of ``KEY_FIELDS``; empty where a file does not say.
      class_names: of the labels, by number; None where classes have no names.
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
    class_names: tuple[str, ...] | None = None


_HELD = set(Statistics._fields) - {"scores"}


def statistics_of(
    collected: Collected,
    *,
    labels: np.ndarray | None,
    stamp: Mapping[str, Any],
    class_names: tuple[str, ...] | None = None,
) -> Statistics:
    """Statistics of what a pass collected.

    Raises:
      ValueError: where moments of fewer than two images were collected.
    """
    pool = (None, None) if collected.pool is None else mean_covariance(collected.pool)
    spatial = (None, None) if collected.spatial is None else mean_covariance(collected.spatial)
    return Statistics(
        collected.count,
        pool[0],
        pool[1],
        spatial[0],
        spatial[1],
        collected.scores,
        collected.features,
        labels,
        stamp,
        class_names,
    )


def missing(statistics: Statistics, request: FeatureRequest) -> list[str]:
    """Requests that ``statistics`` lacks (score sums belong to one side alone, and are not asked for)."""
    need = {"mu": request.pool, "spatial_mu": request.spatial, "features": request.features}
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
    try:
        with open(part, "wb") as file:
            np.savez(file, stamp=json.dumps(dict(statistics.stamp)), **kept)
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)


def load_statistics(path: str | os.PathLike[str]) -> Statistics:
    """Reads what :func:`save_statistics` wrote, or pytorch-fid's .npz of ``mu`` and ``sigma`` (which says nothing of
    how it was made: its stamp is empty).

    Raises:
      UserError: where the file is missing, no .npz, damaged, too large (:func:`jaxgan.data.npz.read_npz`), or holds
        neither; where its arrays do not fit each other.
    """
    try:
        held = read_npz(path, _HELD)
        stamp = json.loads(str(held["stamp"])) if "stamp" in held else {}
        count = int(held["count"]) if "count" in held else None
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise UserError(f"no statistics in {path}: {error}") from error
    if not any(names <= held.keys() for names in ({"mu", "sigma"}, {"spatial_mu", "spatial_sigma"}, {"features"})):
        raise UserError(
            f"{path} holds {npz_names(path)[:20]}; statistics are `mu` [D] and `sigma` [D, D], as `jaxgan features` "
            f"writes them"
        )
    if problem := _misfit(held, stamp, count):
        raise UserError(f"{path}: {problem}")
    names = _HELD - {"stamp", "count", "class_names"}
    arrays: dict[str, Any] = {name: held[name] for name in names & held.keys()}
    class_names = tuple(map(str, held["class_names"])) if "class_names" in held else None
    return Statistics(count, **arrays, class_names=class_names, stamp=stamp)


def _misfit(held: Mapping[str, np.ndarray], stamp: Any, count: int | None) -> str:
    """Fault of a file's arrays, or ''."""
    if not isinstance(stamp, dict):
        return "stamp must be a JSON object"
    for mu, sigma in (("mu", "sigma"), ("spatial_mu", "spatial_sigma")):
        shapes = [held[name].shape if name in held else None for name in (mu, sigma)]
        if shapes[0] is not None and (len(shapes[0]) != 1 or shapes[1] != shapes[0] * 2):
            return f"{mu} must be [D] and {sigma} [D, D], got {shapes[0]} and {shapes[1]}"
    if wrong := [
        n for n in (_HELD - {"stamp", "count", "labels", "class_names"}) & held.keys() if held[n].dtype.kind != "f"
    ]:
        return f"{wrong[0]} must be floats, got {held[wrong[0]].dtype}"
    features, labels, names = held.get("features"), held.get("labels"), held.get("class_names")
    if features is not None and (features.ndim != 2 or len(features) != (len(features) if count is None else count)):
        return f"features must be [count, D], got {list(features.shape)} and the count {count}"
    rows = count if features is None else len(features)
    if labels is not None and (
        labels.dtype.kind not in "iu" or labels.shape != (labels.size if rows is None else rows,)
    ):
        return f"labels must be int [{rows}], got {labels.dtype} {list(labels.shape)}"
    classes = MAX_CLASSES if names is None else names.size
    if labels is not None and labels.size and not 0 <= int(labels.min()) <= int(labels.max()) < classes:
        return f"labels must lie in [0, {classes}), got {labels.min()} to {labels.max()}"
    if names is not None and (names.dtype.kind != "U" or names.ndim != 1):
        return f"class_names must be text [K], got {names.dtype} {list(names.shape)}"
    if names is not None and len(np.unique(names)) < len(names):
        return "class_names holds a name twice"
    return ""


def is_statistics(path: str | os.PathLike[str]) -> bool:
    """Whether a file is an .npz that holds statistics rather than images; a damaged one holds neither."""
    held = npz_names(path) if Path(path).suffix == ".npz" else []
    return "images" not in held and not {"mu", "spatial_mu", "features"}.isdisjoint(held)


def statistics_key(stamp: Mapping[str, Any]) -> str:
    """Sixteen digits of the SHA-256 of ``KEY_FIELDS``: the name in the cache, and the reference in stamps.

    Raises:
      UserError: where the stamp lacks one.
    """
    lacking = [name for name in KEY_FIELDS if name not in stamp]
    if lacking:
        raise UserError(
            f"a stamp of statistics must say {', '.join(KEY_FIELDS)}; this one lacks {', '.join(lacking)}: make them "
            "again with `jaxgan features`"
        )
    text = json.dumps({name: stamp[name] for name in KEY_FIELDS}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def content_key(statistics: Statistics) -> str:
    """Sixteen digits of the SHA-256 of the arrays: what distinguishes statistics that do not say how they were made."""
    digest = hashlib.sha256()
    for name in ("mu", "sigma", "spatial_mu", "spatial_sigma", "features"):
        array = getattr(statistics, name)
        if array is not None:
            digest.update(f"{name} {array.dtype} {array.shape}".encode() + np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]


def statistics_dir() -> Path:
    """The cache: $XDG_CACHE_HOME/jaxgan/statistics, or ~/.cache/jaxgan/statistics."""
    return cache_folder("statistics")


def _over_processes(flags: np.ndarray) -> np.ndarray:
    """Bools [N] of each process -> [processes, N], the same on all."""
    if jax.process_count() == 1:
        return flags[None]
    from jax.experimental import multihost_utils

    return np.asarray(multihost_utils.process_allgather(flags))


def cached_statistics(
    stamp: Mapping[str, Any],
    request: FeatureRequest,
    compute: Callable[[FeatureRequest], Statistics],
    *,
    folder: Path | None = None,
) -> Statistics:
    """The statistics of a reference set: from the cache where it has all that is wanted, else computed and put there.

    Of several processes either all take the cache's or all compute, whichever file systems they see.

    Args:
      stamp: ``KEY_FIELDS`` of what is wanted.
      request: which parts.
      compute: makes them; asked for all that the cache had as well.
      folder: the cache; ``statistics_dir()`` where None.
    """
    path = (folder or statistics_dir()) / f"{statistics_key(stamp)}.npz"
    there = path.is_file()
    kept = Statistics(None)
    if there:
        try:
            kept = load_statistics(path)
        except UserError as error:
            log.warning("%s; it is a cache, and made again", error)
    parts = np.array([kept.mu is not None, kept.spatial_mu is not None, kept.features is not None])
    everywhere = _over_processes(np.array([there and not missing(kept, request), *parts]))
    if everywhere[:, 0].all():
        return kept
    # What any process holds is made again, so that the cache loses nothing.
    held = dict(zip(("pool", "spatial", "features"), np.any(everywhere[:, 1:], axis=0).tolist()))
    made = compute(request._replace(**{name: bool(getattr(request, name) or there) for name, there in held.items()}))
    if jax.process_index() == 0:
        try:
            save_statistics(path, made)
        except OSError as error:
            log.warning("the statistics are not kept for the next time: cannot write %s: %s", path, error)
    return made
