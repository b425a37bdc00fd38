"""Score two sets of images, with stamps: the one way that training, the command line and notebooks share."""

import functools
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jax.sharding import Mesh

from jaxgan.data.picture_scan import some
from jaxgan.evaluation.collect import FeatureRequest, all_images, collect
from jaxgan.evaluation.eval_set import EvalSet
from jaxgan.evaluation.feature_scores import (
    METRICS,
    Settings,
    reference_request,
    request_of,
    score_name,
    scores_of,
)
from jaxgan.evaluation.image_scores import IMAGE_METRICS, PAIRED, Distance, image_scores
from jaxgan.evaluation.inputs import even_choice
from jaxgan.evaluation.protocol import code_version
from jaxgan.evaluation.statistics import Statistics, cached_statistics, content_key, statistics_key, statistics_of
from jaxgan.features.feature_network import FeatureNetwork
from jaxgan.training.errors import UserError
from jaxgan.training.method import FailedScore, Score

logger = logging.getLogger("jaxgan.evaluation")

Advance = Callable[[int], None]


def attempted(
    names: Sequence[str], compute: Callable[[], Mapping[str, Score | FailedScore]], *, record: bool
) -> dict[str, Score | FailedScore]:
    """The scores that ``compute`` gives; where it raises ValueError and ``record`` is set, ``names`` as failed scores
    with that reason, which is logged.
    """
    try:
        return dict(compute())
    except ValueError as error:
        if not record:
            raise
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        logger.warning("%s failed: %s", ", ".join(names), reason)
        return {name: FailedScore(reason) for name in names}


def statistics(
    eval_set: EvalSet,
    network: FeatureNetwork,
    request: FeatureRequest,
    *,
    mesh: Mesh,
    batch_size: int,
    advance: Advance = lambda images: None,
) -> Statistics:
    """One pass over a set, with the stamp that names its cache entry."""
    found = collect(network, eval_set.images, request, mesh=mesh, batch_size=batch_size, advance=advance)
    return statistics_of(
        found,
        labels=eval_set.images.labels,
        stamp=reference_stamp(eval_set, network),
        class_names=eval_set.class_names,
    )


def reference_stamp(eval_set: EvalSet, network: FeatureNetwork) -> dict[str, Any]:
    """Stamp that identifies statistics: the set, the resizer and the network."""
    return {
        **eval_set.stamp,
        "resizer": network.resizer,
        "network": network.name,
        "network_sha256": network.digest,
    }


def _check_reference(given: Mapping[str, Any], eval_set: EvalSet, network: FeatureNetwork, where: str) -> None:
    """Refuses statistics of another network, resizer or resolution."""
    if not given:
        return
    wanted = {
        "network_sha256": network.digest,
        "resizer": network.resizer,
        "resolution": list(eval_set.stamp["resolution"]),
    }
    unlike = [f"  {k}: {given.get(k)!r} there, {v!r} here" for k, v in wanted.items() if given.get(k) != v]
    if unlike:
        raise UserError(f"the statistics in {where} were computed by another protocol:\n" + "\n".join(unlike))


def _reference_key(reference: Statistics) -> str:
    """That of the protocol, or, of a file that says nothing of it, that of the content: unlike references differ."""
    return statistics_key(reference.stamp) if reference.stamp else content_key(reference)


def score(
    names: Sequence[str],
    eval_set: EvalSet,
    reference: EvalSet | Statistics | None,
    *,
    network: FeatureNetwork | None,
    mesh: Mesh,
    settings: Settings = Settings(),  # noqa: B008 (immutable)
    batch_size: int = 64,
    stamp: Mapping[str, Any] | None = None,
    advance: Callable[[str], Advance] = lambda what: lambda images: None,
    cache: Path | None = None,
    distances: Mapping[str, Distance] | None = None,
    record_failures: bool = False,
) -> dict[str, Score | FailedScore]:
    """Scores one set of images against another.

    Args:
      names: of ``METRICS`` (features) and ``IMAGE_METRICS`` (pixels).
      eval_set: what is scored.
      reference: the set it is scored against, whose statistics are cached; or statistics from a file.
      network: the features; may be None where no score needs any.
      mesh: the devices.
      settings: the scores' numbers.
      batch_size: images a dispatch.
      stamp: more fields that apply to what is scored: ema, batch_norm, truncation, seed, step.
      advance: given what a pass is over, returns what is told the number of images done.
      cache: the folder of cached statistics; ``statistics_dir()`` where None.
      distances: the perceptual ones among ``names``.
      record_failures: a score that cannot be computed (too few images, features that are not finite, classes of other
        names) comes as a :class:`jaxgan.training.method.FailedScore` with its reason, and the others as they are;
        otherwise it raises.

    Returns:
      Name -> score: those of features first, each kind in the order asked for.

    Raises:
      UserError: on unknown names, a reference that is missing or of another protocol.
      ValueError: where numbers do not suffice or are not finite, unless failures are recorded.
    """
    unknown = [n for n in names if n not in METRICS and n not in IMAGE_METRICS]
    if unknown:
        raise UserError(f"no metric {unknown[0]!r}; choose from {', '.join([*METRICS, *IMAGE_METRICS])}")
    features = [n for n in names if n in METRICS]
    pixels = [n for n in names if n in IMAGE_METRICS]
    protocol: dict[str, Any] = {
        "images": eval_set.stamp["data"],
        "images_version": eval_set.stamp["version"],
        "images_split": eval_set.stamp["split"],
        "num_images": eval_set.stamp["count"],
        "resolution": eval_set.stamp["resolution"],
        "crop": eval_set.stamp["crop"],
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
    if pixels and not isinstance(reference, EvalSet):
        raise UserError(f"{pixels[0]} compares pixels: give images, not statistics, as --against")
    found: dict[str, Score | FailedScore] = {}
    if features:
        if network is None:
            raise UserError(f"{features[0]} needs a feature network: --features=inception or efficientnet_lite0")
        if isinstance(reference, Statistics):
            _check_reference(reference.stamp, eval_set, network, "the reference file")
        made = reference if isinstance(reference, Statistics) else None
        if isinstance(reference, EvalSet) and any(METRICS[n].reference for n in features):
            made = reference_statistics(
                reference,
                network,
                reference_request(features),
                mesh=mesh,
                batch_size=batch_size,
                advance=advance,
                cache=cache,
            )
        request = request_of(features, settings)
        images = statistics(
            eval_set, network, request, mesh=mesh, batch_size=batch_size, advance=advance(str(eval_set.stamp["data"]))
        )
        full = {
            **protocol,
            "resizer": network.resizer,
            "network": network.name,
            "network_sha256": network.digest,
            **({} if made is None else {"reference_key": _reference_key(made)}),
        }
        for name in features:
            compute = functools.partial(scores_of, [name], images, made, network=network, settings=settings, stamp=full)
            found |= attempted([score_name(name, network)], compute, record=record_failures)
    if pixels:
        assert isinstance(reference, EvalSet)
        ours, theirs = (all_images(s.images, mesh=mesh, batch_size=batch_size) for s in (eval_set, reference))

        def of_pixels(name: str) -> dict[str, Score]:
            other, about = theirs, protocol
            if name in PAIRED:
                other = _partners(name, eval_set, reference, theirs)
                about = protocol | {"reference_count": len(other)}
            border = settings.border
            return image_scores(
                [name], ours, other, stamp=about, batch_size=batch_size, distances=distances, border=border
            )

        for name in pixels:
            found |= attempted([name], functools.partial(of_pixels, name), record=record_failures)
    return found


def _partners(name: str, eval_set: EvalSet, reference: EvalSet, theirs: np.ndarray) -> np.ndarray:
    """The reference's image of each image of ``eval_set``, of ``theirs``: where that is a choice from a set as large as
    the reference, the same choice.

    Raises:
      UserError: where they are choices from sets of other sizes, or one lacks pictures that could not be read.
    """
    # Samples are drawn for the very examples that could be read.
    for side in (eval_set, reference) if eval_set.lost is not None else ():
        if side.lost:
            raise UserError(
                f"{name} compares the i-th image to the i-th, and {len(side.lost)} of {side.stamp['data']} cannot be "
                f"read: {some(side.lost)}; restore them, or remove them from both sets"
            )
    if eval_set.chosen_from == reference.chosen_from:
        return theirs
    if reference.chosen_from is None and eval_set.chosen_from == len(theirs):
        return theirs[even_choice(len(theirs), eval_set.images.length)]
    sizes = [s.chosen_from or s.images.length for s in (eval_set, reference)]
    raise UserError(
        f"{name} compares the i-th image to the i-th, and a choice from {sizes[0]} images has other numbers than one "
        f"from {sizes[1]}; give two sets of equal length"
    )


def reference_statistics(
    reference: EvalSet,
    network: FeatureNetwork,
    request: FeatureRequest,
    *,
    mesh: Mesh,
    batch_size: int,
    advance: Callable[[str], Advance] = lambda what: lambda images: None,
    cache: Path | None = None,
) -> Statistics:
    """The statistics of a reference: from the cache, or by one pass."""

    def compute(wanted: FeatureRequest) -> Statistics:
        bar = advance(f"{reference.stamp['data']} {reference.stamp['split']}")
        return statistics(reference, network, wanted, mesh=mesh, batch_size=batch_size, advance=bar)

    found = cached_statistics(reference_stamp(reference, network), request, compute, folder=cache)
    # The set says which labels are meant; the cache may have been filled where they were not asked for.
    return found._replace(labels=reference.images.labels, class_names=reference.class_names)
