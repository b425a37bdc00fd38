"""Scoring the samples of a run against its data: what training's evaluators and the command line share."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh
from ml_collections import ConfigDict

from jaxgan.data import Source
from jaxgan.data.image_set import ImageSet, describe_source
from jaxgan.evaluation import Truncation, balanced_labels, standing_statistics
from jaxgan.evaluation.collect import images_of_samples
from jaxgan.evaluation.image_scores import IMAGE_METRICS, PAIRED
from jaxgan.evaluation.eval_set import EvalSet, eval_set_of
from jaxgan.evaluation.score import Advance, score
from jaxgan.evaluation.protocol import code_version
from jaxgan.evaluation.feature_scores import METRICS, Settings
from jaxgan.evaluation.statistics import Statistics
from jaxgan.features.feature_network import FeatureNetwork
from jaxgan.interop.open_features import open_features
from jaxgan.training.errors import UserError
from jaxgan.training.method import Method, Score
from jaxgan.training.state import Variables
from jaxgan.training.workdir import fingerprint

HIGHER = ("tstr", "trts", "classes_hit", "modes", *PAIRED)

# Networks and latents are prepared from seeds apart from each other and from training's.
STANDING_SEED, GRID_SEED, LATENT_SEED = 1, 2, 3


def metric_names(text: str) -> list[str]:
    """The scores in 'fd,kid,...'.

    Raises:
      UserError: on an unknown one, with those there are.
    """
    names = [word.strip() for word in text.split(",") if word.strip()]
    unknown = [name for name in names if name not in METRICS and name not in IMAGE_METRICS]
    if unknown:
        raise UserError(f"no metric {unknown[0]!r}; choose from {', '.join([*METRICS, *IMAGE_METRICS])}")
    return list(dict.fromkeys(names))


def best_is(name: str) -> str:
    """Whether more of a score of metrics.jsonl ('eval/fid', 'eval/tstr', ...) is better, 'max', or less, 'min'.

    Raises:
      UserError: where there is no such score, or neither is better.
    """
    score = name.removeprefix("eval/")
    if score in HIGHER:
        return "max"
    if score == "modes_kl" or score.startswith("swd_"):
        return "min"
    for metric, spec in METRICS.items():
        if score in (metric, spec.inception) or (spec.of_inception and score.startswith(f"{metric}_")):
            return "max" if spec.higher else "min"
    known = [*METRICS, *HIGHER, "modes_kl"]
    raise UserError(f"evaluation.best={name!r}: give a score as metrics.jsonl calls it, eval/... of {', '.join(known)}")


def feature_network(evaluation: Any, names: Sequence[str]) -> FeatureNetwork | None:
    """The network that a config's ``evaluation`` names, where any score needs one."""
    if not any(name in METRICS for name in names):
        return None
    return open_features(evaluation.features, weights=evaluation.weights, resizer=evaluation.resizer)


def settings_of(evaluation: Any) -> Settings:
    """The numbers of a config's scores."""
    return Settings(kid_block_size=evaluation.kid_block_size, is_splits=evaluation.is_splits)


def prepared_nets(
    method: Method, nets: dict[str, Variables], evaluation: Any, *, seed: int, mesh: Mesh, **options: Any
) -> dict[str, Variables]:
    """``nets`` with the statistics that ``evaluation.batch_norm`` asks for: 'standing' or 'running'.

    Raises:
      UserError: on another word.
    """
    if evaluation.batch_norm == "running":
        return nets
    if evaluation.batch_norm != "standing":
        raise UserError(f"evaluation.batch_norm={evaluation.batch_norm!r}; choose from 'standing', 'running'")
    return standing_statistics(
        method,
        nets,
        rng=jax.random.key(seed),
        mesh=mesh,
        passes=evaluation.standing_passes,
        batch_size=evaluation.batch_size,
        **options,
    )


def data_eval_set(
    config: ConfigDict, source: Source, split: str, num_images: int | None = None, *, data_dir: str | None = None
) -> EvalSet:
    """A split of a config's data as a reference; ``data_dir`` says where it lies now, if not where the config says."""
    described: ImageSet = describe_source(
        config.data.name,
        source,
        split,
        image_size=tuple(config.data.image_size),
        data_dir=data_dir or config.data.data_dir,
    )
    return eval_set_of(described, num_images)


def sampling_stamp(
    config: ConfigDict,
    *,
    step: int,
    ema: bool,
    seed: int,
    truncation: Truncation = Truncation(),  # noqa: B008
) -> dict[str, Any]:
    """What a stamp says of how samples were drawn."""
    evaluation = config.evaluation
    standing = evaluation.batch_norm == "standing"
    return {
        "ema": ema,
        "batch_norm": evaluation.batch_norm,
        # Statistics of other batches are others, and so are the images.
        **({"standing": f"{evaluation.standing_passes} x {evaluation.batch_size}"} if standing else {}),
        "truncation_mode": truncation.mode,
        "truncation": truncation.value,
        "seed": seed,
        "step": step,
    }


def sample_stamp(config: ConfigDict, num_images: int) -> dict[str, Any]:
    """What a stamp says of samples as a set."""
    version = fingerprint(json.loads(config.to_json()))[:16]
    resolution = [*config.data.image_size, config.data.channels]
    return {
        "data": f"samples of {config.recipe}",
        "version": version,
        "split": "generated",
        "count": num_images,
        "resolution": resolution,
        "crop": "none",
    }


def score_samples(
    names: Sequence[str],
    config: ConfigDict,
    method: Method,
    nets: dict[str, Variables],
    reference: EvalSet | Statistics | None,
    *,
    network: FeatureNetwork | None,
    mesh: Mesh,
    step: int,
    ema: bool,
    num_images: int,
    seed: int,
    truncation: Truncation = Truncation(),  # noqa: B008
    settings: Settings,
    batch_size: int | None = None,
    advance: Callable[[str], Advance] = lambda what: lambda images: None,
    cache: Path | None = None,
) -> dict[str, Score]:
    """Draws ``num_images`` samples, spread evenly over the classes, and scores them.

    Args:
      names: scores.
      config, method, nets: of the run; averages in place where ``ema``.
      reference: what they are scored against.
      network: the features.
      mesh: the devices.
      step: of the networks, for the stamp.
      ema: whether ``nets`` are averages, for the stamp.
      num_images: samples.
      seed: of the latents.
      truncation: of the latents; standing statistics are computed anew for it.
      settings: the scores' numbers.
      batch_size: images a dispatch, which no score depends on; ``evaluation.batch_size``, in which standing statistics
        are drawn whatever this is, where None.
      advance, cache: as for :func:`jaxgan.evaluation.score.score`.
    """
    ready = prepared_nets(
        method, nets, config.evaluation, seed=config.seed + STANDING_SEED, mesh=mesh, truncation=truncation
    )
    labels = balanced_labels(num_images, method.num_classes)
    images = images_of_samples(method, ready, labels, rng=jax.random.key(seed), truncation=truncation)
    return score(
        names,
        EvalSet(images, sample_stamp(config, num_images)),
        reference,
        network=network,
        mesh=mesh,
        settings=settings,
        batch_size=config.evaluation.batch_size if batch_size is None else batch_size,
        stamp=sampling_stamp(config, step=step, ema=ema, seed=seed, truncation=truncation),
        advance=advance,
        cache=cache,
    )


def stamped(values: Mapping[str, float], stamp: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Score]:
    """Scores of this library's own making (TSTR and its kin), with the stamp that they share."""
    full = {**stamp, "settings": dict(settings), "code": code_version()}
    return {name: Score(float(np.asarray(value)), None, full) for name, value in values.items()}
