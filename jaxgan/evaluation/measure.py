"""From two sets of images to stamped scores: the one way that training, the command line and notebooks measure."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jax.sharding import Mesh

from jaxgan.data import Source
from jaxgan.data.image_set import ImageSet
from jaxgan.evaluation.collect import Images, Wants, all_images, collect, images_of_source
from jaxgan.evaluation.image_scores import IMAGE_METRICS, PAIRED, image_scores
from jaxgan.evaluation.protocol import code_version
from jaxgan.evaluation.scores import METRICS, Settings, reference_wants, scores_of, wants_of
from jaxgan.evaluation.statistics import Statistics, cached_statistics, content_key, statistics_key, statistics_of
from jaxgan.features.feature_network import FeatureNetwork
from jaxgan.training.errors import UserError
from jaxgan.training.method import Score

Advance = Callable[[int], None]


class Subject(NamedTuple):
    """A set of images, and what a stamp says of it.

    Attributes:
      images: the images.
      stamp: data, version, split, count, resolution, crop.
      chosen_from: images of the whole set, where these are a choice from one.
    """

    images: Images
    stamp: Mapping[str, Any]
    chosen_from: int | None = None


def subject_of_set(image_set: ImageSet, num_images: int | None = None) -> Subject:
    """All of a set, or ``num_images`` of it: an even choice that is the same each time, in the set's order.

    Raises:
      UserError: where the set has fewer.
    """
    length = image_set.source.length
    count = length if num_images is None else num_images
    if not 1 <= count <= length:
        raise UserError(f"{image_set.name} {image_set.split} has {length} images; {count} were asked for")
    indices = None if count == length else np.sort(np.random.default_rng(0).permutation(length)[:count])
    labels = None
    if image_set.labeled:
        chosen = np.arange(length) if indices is None else indices
        labels = _labels(image_set.source, chosen)
    stamp = {
        "data": image_set.name,
        "version": image_set.version,
        "split": image_set.split,
        "count": count,
        "resolution": list(image_set.source.image_shape),
        "crop": image_set.crop,
    }
    images = images_of_source(image_set.source, indices, labels=labels)
    return Subject(images, stamp, None if indices is None else length)


def _labels(source: Source, indices: np.ndarray) -> np.ndarray:
    if source.labels is not None:
        return source.labels(indices)
    parts = [source.fetch(rows)["label"] for rows in np.array_split(indices, -(-len(indices) // 512))]
    return np.concatenate(parts)


def statistics(
    subject: Subject,
    network: FeatureNetwork,
    wants: Wants,
    *,
    mesh: Mesh,
    batch_size: int,
    advance: Advance = lambda images: None,
) -> Statistics:
    """One pass over a subject, with the stamp that names its cache entry."""
    found = collect(network, subject.images, wants, mesh=mesh, batch_size=batch_size, advance=advance)
    return statistics_of(found, labels=subject.images.labels, stamp=reference_stamp(subject, network))


def reference_stamp(subject: Subject, network: FeatureNetwork) -> dict[str, Any]:
    """What identifies statistics: the set, the resizer and the network."""
    return {
        **subject.stamp,
        "resizer": network.resizer,
        "network": network.name,
        "network_sha256": network.digest,
    }


def _check_reference(given: Mapping[str, Any], subject: Subject, network: FeatureNetwork, where: str) -> None:
    """Refuses statistics of another network, resizer or resolution."""
    if not given:
        return
    wanted = {
        "network_sha256": network.digest,
        "resizer": network.resizer,
        "resolution": list(subject.stamp["resolution"]),
    }
    unlike = [f"  {k}: {given.get(k)!r} there, {v!r} here" for k, v in wanted.items() if given.get(k) != v]
    if unlike:
        raise UserError(f"the statistics in {where} were computed by another protocol:\n" + "\n".join(unlike))


def _reference_key(reference: Statistics) -> str:
    """That of the protocol, or, of a file that says nothing of it, that of the content: unlike references differ."""
    return statistics_key(reference.stamp) if reference.stamp else content_key(reference)


def measure(
    names: Sequence[str],
    subject: Subject,
    reference: Subject | Statistics | None,
    *,
    network: FeatureNetwork | None,
    mesh: Mesh,
    settings: Settings = Settings(),  # noqa: B008 (immutable)
    batch_size: int = 64,
    stamp: Mapping[str, Any] | None = None,
    advance: Callable[[str], Advance] = lambda what: lambda images: None,
    cache: Path | None = None,
) -> dict[str, Score]:
    """Scores one set of images against another.

    Args:
      names: of ``METRICS`` (features) and ``IMAGE_METRICS`` (pixels).
      subject: what is scored.
      reference: the set it is scored against, whose statistics are cached; or statistics from a file.
      network: the features; may be None where no score needs any.
      mesh: the devices.
      settings: the scores' numbers.
      batch_size: images a dispatch.
      stamp: more fields that apply to the subject: ema, batch_norm, truncation, seed, step.
      advance: given what a pass is over, returns what is told the number of images done.
      cache: the folder of cached statistics; ``statistics_dir()`` where None.

    Returns:
      Name -> score: those of features first, each kind in the order asked for.

    Raises:
      UserError: on unknown names, a reference that is missing or of another protocol.
      ValueError: where numbers do not suffice or are not finite.
    """
    unknown = [n for n in names if n not in METRICS and n not in IMAGE_METRICS]
    if unknown:
        raise UserError(f"no metric {unknown[0]!r}; choose from {', '.join([*METRICS, *IMAGE_METRICS])}")
    features = [n for n in names if n in METRICS]
    pixels = [n for n in names if n in IMAGE_METRICS]
    protocol: dict[str, Any] = {
        "images": subject.stamp["data"],
        "images_version": subject.stamp["version"],
        "images_split": subject.stamp["split"],
        "num_images": subject.stamp["count"],
        "resolution": subject.stamp["resolution"],
        "crop": subject.stamp["crop"],
        **(stamp or {}),
        "code": code_version(),
    }
    against: Mapping[str, Any] = {}
    if reference is not None:
        against = reference.stamp
        protocol |= {
            "reference": against.get("data", "statistics of unknown origin"),
            **{f"reference_{k}": against.get(k) for k in ("version", "split", "count", "crop")},
        }
    found: dict[str, Score] = {}
    if features:
        if network is None:
            raise UserError(f"{features[0]} needs a feature network: --features=inception or efficientnet_lite0")
        if isinstance(reference, Statistics):
            _check_reference(reference.stamp, subject, network, "the reference file")
        made = reference if isinstance(reference, Statistics) else None
        if isinstance(reference, Subject) and any(METRICS[n].reference for n in features):
            made = reference_statistics(
                reference,
                network,
                reference_wants(features),
                mesh=mesh,
                batch_size=batch_size,
                advance=advance,
                cache=cache,
            )
        wants = wants_of(features, settings)
        images = statistics(
            subject, network, wants, mesh=mesh, batch_size=batch_size, advance=advance(str(subject.stamp["data"]))
        )
        full = {
            **protocol,
            "resizer": network.resizer,
            "network": network.name,
            "network_sha256": network.digest,
            **({} if made is None else {"reference_key": _reference_key(made)}),
        }
        found |= scores_of(features, images, made, network=network, settings=settings, stamp=full)
    if pixels:
        if not isinstance(reference, Subject):
            raise UserError(f"{pixels[0]} compares pixels: give images, not statistics, as --against")
        paired = [name for name in pixels if name in PAIRED]
        if paired and subject.chosen_from != reference.chosen_from:
            sizes = [s.chosen_from or s.images.length for s in (subject, reference)]
            raise UserError(
                f"{paired[0]} compares the i-th image to the i-th, and a choice from {sizes[0]} images has other "
                f"numbers than one from {sizes[1]}; give two sets of equal length"
            )
        ours, theirs = (all_images(s.images, mesh=mesh, batch_size=batch_size) for s in (subject, reference))
        found |= image_scores(pixels, ours, theirs, stamp=protocol, batch_size=batch_size)
    return found


def reference_statistics(
    reference: Subject,
    network: FeatureNetwork,
    wants: Wants,
    *,
    mesh: Mesh,
    batch_size: int,
    advance: Callable[[str], Advance] = lambda what: lambda images: None,
    cache: Path | None = None,
) -> Statistics:
    """The statistics of a reference: from the cache, or by one pass."""

    def compute(wanted: Wants) -> Statistics:
        bar = advance(f"{reference.stamp['data']} {reference.stamp['split']}")
        return statistics(reference, network, wanted, mesh=mesh, batch_size=batch_size, advance=bar)

    found = cached_statistics(reference_stamp(reference, network), wants, compute, folder=cache)
    # The set says which labels are meant; the cache may have been filled where they were not asked for.
    return found._replace(labels=reference.images.labels)
