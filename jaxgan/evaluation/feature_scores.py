"""Scores of features by name: what each needs, how it is called, and its value from two sets' statistics."""

import dataclasses
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxgan.data.picture_scan import some
from jaxgan.evaluation.collect import FeatureRequest
from jaxgan.evaluation.statistics import Statistics, missing
from jaxgan.features.feature_network import FeatureNetwork
from jaxgan.metrics.density_coverage import density_coverage
from jaxgan.metrics.frechet import frechet_distance, warn_if_few
from jaxgan.metrics.inception_score import inception_score
from jaxgan.metrics.intra_class import intra_class_distance
from jaxgan.metrics.kernel import kernel_distance
from jaxgan.metrics.precision_recall import precision_recall
from jaxgan.training.errors import UserError
from jaxgan.training.method import Score

logger = logging.getLogger("jaxgan.evaluation")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """The numbers that scores are defined with; the defaults are torch-fidelity's (density and coverage: prdc's).

    Attributes:
      is_splits: of the Inception Score.
      kid_blocks, kid_block_size: of the kernel distance; where either set has fewer images than a block, blocks are as
        large as the smaller set, and the stamp says so.
      precision_recall_k, density_coverage_k: neighbours.
      seed: of shuffles and blocks.
      border: pixels off each border of pairs that are compared by PSNR or SSIM; None for 4 of luma and 0 of RGB.
    """

    is_splits: int = 10
    kid_blocks: int = 100
    kid_block_size: int = 1000
    precision_recall_k: int = 3
    density_coverage_k: int = 5
    seed: int = 2020
    border: int | None = None


Value = tuple[float, float | None]


class Metric(NamedTuple):
    """A score.

    Attributes:
      describe: one line.
      needs: fields of :class:`jaxgan.evaluation.collect.FeatureRequest` that it needs of the images and, except
        'scores', of the reference.
      value: (images, reference, settings) -> (value, standard error or None).
      settings: which settings it depends on, under short names.
      higher: whether more is better.
      inception: its name with the published Inception weights, where the field has one.
      of_inception: whether its name speaks of Inception, so that another network's must be named too.
      reference, labels: whether it needs a reference, and labels.
    """

    describe: str
    needs: tuple[str, ...]
    value: Callable[[Statistics, Any, Settings], Value]
    settings: Mapping[str, str] = {}
    higher: bool = False
    inception: str | None = None
    of_inception: bool = False
    reference: bool = True
    labels: bool = False


def _count(statistics: Statistics) -> int:
    return np.iinfo(np.int64).max if statistics.count is None else statistics.count


def _fd(images: Statistics, reference: Statistics, settings: Settings) -> Value:
    del settings
    warn_if_few(min(_count(images), _count(reference)), len(images.mu))  # type: ignore[arg-type]
    return frechet_distance(images.mu, images.sigma, reference.mu, reference.sigma), None  # type: ignore[arg-type]


def _sfd(images: Statistics, reference: Statistics, settings: Settings) -> Value:
    def spatial(s: Statistics) -> Statistics:
        return s._replace(mu=s.spatial_mu, sigma=s.spatial_sigma)

    return _fd(spatial(images), spatial(reference), settings)


def _intra(images: Statistics, reference: Statistics, settings: Settings) -> Value:
    del settings
    labels = paired_labels(images, reference)
    mean, per_class = intra_class_distance(images.features, images.labels, reference.features, labels)  # type: ignore[arg-type]
    return mean, float(np.std(per_class, ddof=1) / np.sqrt(len(per_class))) if len(per_class) > 1 else None


def paired_labels(images: Statistics, reference: Statistics) -> np.ndarray:
    """The reference's labels in the numbering of the images' classes, int [N]: classes are paired by name, of which
    numbers are the same however they are written ('7', '007').

    Where either side has no names, numbers are paired, and a warning says so.

    Raises:
      UserError: where the names differ, naming those of one side alone.
    """
    labels: np.ndarray = reference.labels  # type: ignore[assignment]
    ours, theirs = images.class_names, reference.class_names
    if ours is None or theirs is None:
        side = "images" if ours is None else "reference"
        logger.warning("the classes of the %s have no names: those of both sides are paired by number", side)
        return labels
    our_keys, their_keys = _class_keys(ours), _class_keys(theirs)
    place, there = {key: index for index, key in enumerate(our_keys)}, set(their_keys)
    differing = {
        "the images": [name for name, key in zip(ours, our_keys) if key not in there],
        "the reference": [name for name, key in zip(theirs, their_keys) if key not in place],
    }
    if any(differing.values()):
        told = "; ".join(f"{some(names)} in {side} alone" for side, names in differing.items() if names)
        raise UserError(f"classes are paired by name, and the names differ: {told}; rename or leave out classes")
    return np.array([place[key] for key in their_keys], np.int64)[labels]


def _class_keys(names: Sequence[str]) -> list[str]:
    keys = [str(int(name)) if name.isascii() and name.isdigit() else name for name in names]
    return keys if len(set(keys)) == len(keys) else list(names)


def _kid(images: Statistics, reference: Statistics, settings: Settings) -> Value:
    found = kernel_distance(
        images.features,  # type: ignore[arg-type]
        reference.features,  # type: ignore[arg-type]
        blocks=settings.kid_blocks,
        block_size=settings.kid_block_size,
        seed=settings.seed,
    )
    # Where a block is the whole of a set, that set is the same in every block, and their spread tells nothing of it.
    varied = settings.kid_block_size < min(len(images.features), len(reference.features))  # type: ignore[arg-type]
    return found.mean, found.stderr if varied else None


def _is(images: Statistics, reference: Any, settings: Settings) -> Value:
    del reference
    mean, std = inception_score(images.scores)  # type: ignore[arg-type]
    return mean, std / settings.is_splits**0.5 if settings.is_splits > 1 else None


def _pair(function: Callable[..., tuple[float, float]], index: int, k: str) -> Callable[..., Value]:
    def value(images: Statistics, reference: Statistics, settings: Settings) -> Value:
        return function(reference.features, images.features, k=getattr(settings, k))[index], None

    return value


_NEIGHBOURS = {"k": "precision_recall_k"}
_BALLS = {"k": "density_coverage_k"}

METRICS: dict[str, Metric] = {
    "fd": Metric(
        "Fréchet distance of pooled features: FID where the network is Inception",
        ("pool",),
        _fd,
        inception="fid",
        of_inception=True,
    ),
    "sfd": Metric(
        "Fréchet distance of spatial features: sFID", ("spatial",), _sfd, inception="sfid", of_inception=True
    ),
    "intra_fd": Metric(
        "mean Fréchet distance within classes: intra FID",
        ("features",),
        _intra,
        inception="intra_fid",
        of_inception=True,
        labels=True,
    ),
    "kid": Metric(
        "kernel distance, unbiased",
        ("features",),
        _kid,
        {"blocks": "kid_blocks", "block_size": "kid_block_size", "block_seed": "seed"},
        inception="kid",
        of_inception=True,
    ),
    "is": Metric(
        "Inception Score",
        ("scores",),
        _is,
        {"splits": "is_splits", "shuffle_seed": "seed"},
        higher=True,
        inception="is",
        of_inception=True,
        reference=False,
    ),
    "precision": Metric(
        "improved precision", ("features",), _pair(precision_recall, 0, "precision_recall_k"), _NEIGHBOURS, higher=True
    ),
    "recall": Metric(
        "improved recall", ("features",), _pair(precision_recall, 1, "precision_recall_k"), _NEIGHBOURS, higher=True
    ),
    "density": Metric("density", ("features",), _pair(density_coverage, 0, "density_coverage_k"), _BALLS, higher=True),
    "coverage": Metric(
        "coverage", ("features",), _pair(density_coverage, 1, "density_coverage_k"), _BALLS, higher=True
    ),
}


def score_name(metric: str, network: FeatureNetwork) -> str:
    """How a score is called: 'fid' with the published Inception weights alone, 'fd_<network>' with any others; names
    that do not speak of Inception stay as they are, and the stamp says the network.
    """
    spec = METRICS[metric]
    if network.published and network.name == "inception" and spec.inception:
        return spec.inception
    if not spec.of_inception or (network.name == "inception" and metric in ("kid", "is")):
        return metric
    return f"{metric}_{network.name}"


def check_metrics(names: Sequence[str]) -> None:
    """Raises UserError, with those there are, on a name that is no score of features."""
    unknown = [name for name in names if name not in METRICS]
    if unknown:
        raise UserError(f"no metric {unknown[0]!r}; choose from {', '.join(METRICS)}")


def request_of(names: Sequence[str], settings: Settings) -> FeatureRequest:
    """Requests of one pass over the images for all of ``names``."""
    needs = {need for name in names for need in METRICS[name].needs}
    return FeatureRequest(**dict.fromkeys(needs, True), splits=settings.is_splits, split_seed=settings.seed)


def reference_request(names: Sequence[str]) -> FeatureRequest:
    """Requests of the reference for all of ``names``; none where no score needs a reference."""
    needs = {need for name in names if METRICS[name].reference for need in METRICS[name].needs}
    return FeatureRequest(**dict.fromkeys(needs - {"scores"}, True))


def scores_of(
    names: Sequence[str],
    images: Statistics,
    reference: Statistics | None,
    *,
    network: FeatureNetwork,
    settings: Settings,
    stamp: Mapping[str, Any],
) -> dict[str, Score]:
    """Finishes scores on the host, in float64.

    Args:
      names: of ``METRICS``.
      images, reference: statistics by one network.
      network: that network, which names the scores.
      settings: their numbers.
      stamp: the protocol without each score's own settings.

    Raises:
      UserError: where a score needs what is not there.
      ValueError: where the numbers of images do not suffice.
    """
    check_metrics(names)
    sizes = [len(side.features) for side in (images, reference) if side is not None and side.features is not None]
    settings = dataclasses.replace(settings, kid_block_size=min([settings.kid_block_size, *sizes]))
    found = {}
    for name in names:
        spec = METRICS[name]
        if spec.reference:
            if reference is None:
                raise UserError(f"{name} needs a reference: --against=Y")
            lacking = missing(reference, reference_request([name]))
            if lacking:
                raise UserError(f"{name} needs the reference's {' and '.join(lacking)}, which its file does not hold")
        lacking = missing(images, request_of([name], settings))
        if "scores" in spec.needs and images.scores is None:
            lacking.append("scores")
        if lacking:
            raise UserError(f"{name} needs the images' {' and '.join(lacking)}, which were not collected")
        for side, whose in ((images, "images have"), (reference, "reference has")):
            if spec.labels and (side is None or side.labels is None):
                raise UserError(f"{name} needs labels, and the {whose} none")
        value, stderr = spec.value(images, reference, settings)
        own = {short: getattr(settings, field) for short, field in spec.settings.items()}
        unreferenced = {k: v for k, v in stamp.items() if spec.reference or not k.startswith("reference")}
        found[score_name(name, network)] = Score(value, stderr, {**unreferenced, "settings": own})
    return found
