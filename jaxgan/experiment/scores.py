"""Score the samples of a run against its data: what training's evaluators and the command line share."""

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
from jax.sharding import Mesh
from ml_collections import ConfigDict

from jaxgan.data import Source
from jaxgan.evaluation import source_inputs
from jaxgan.evaluation.collect import images_of_samples
from jaxgan.evaluation.eval_set import EvalSet
from jaxgan.evaluation.feature_scores import METRICS, score_name
from jaxgan.evaluation.image_scores import IMAGE_METRICS
from jaxgan.evaluation.inputs import even_choice
from jaxgan.evaluation.latent_scores import LATENT_METRICS, PATHS, check_latents, path_length, separability
from jaxgan.evaluation.likelihood import LIKELIHOOD_METRICS, example_nats, likelihood_scores
from jaxgan.evaluation.options import checked_options
from jaxgan.evaluation.score import Advance, attempted, score
from jaxgan.evaluation.statistics import Statistics
from jaxgan.experiment.drawn_for import (
    STANDING_SEED,
    described_split,
    draws_for_labels,
    likelihood_split,
    prepared_nets,
    sample_inputs,
)
from jaxgan.experiment.score_stamps import sample_stamp, sampling_stamp, stamp_of_samples
from jaxgan.experiment.scoring import Scoring
from jaxgan.training.data_identity import class_changes
from jaxgan.training.errors import UserError
from jaxgan.training.method import FailedScore, Method, Score
from jaxgan.training.state import Variables


def check_meaning(names: Sequence[str], config: ConfigDict, method: Method) -> None:
    """Raises UserError where a score has no meaning for a method: of likelihoods, of latents, or of classes."""
    for name in names:
        if name in LIKELIHOOD_METRICS and not hasattr(method, "nats"):
            raise UserError(f"{name} needs a likelihood, and {config.recipe} has none: its method gives no nats")
        if name in LATENT_METRICS:
            check_latents(name, method)
        labeled = bool(method.num_classes) if draws_for_labels(method) else "label" in method.conditions
        if name in METRICS and METRICS[name].labels and not labeled:
            raise UserError(f"{name} needs labels, and the images that {config.recipe} draws have none")


def check_classes(trained: Sequence[str] | None, source: Source) -> None:
    """Refuses data whose classes are not those that networks were trained on: a class is drawn by its number.

    Args:
      trained: the names of those classes, by number; None where they are not known.
      source: the data.

    Raises:
      UserError: with the names that differ.
    """
    if trained and (changes := class_changes(trained, source.class_names)):
        raise UserError(
            f"the classes of {source.name} are not those that the run was trained on: {changes}; bring that data back, "
            "or name scores without classes by --metrics"
        )


def names_given(scoring: Scoring) -> tuple[str, ...] | None:
    """The names under which :func:`score_samples` gives its scores; None where they depend on the images' size."""
    if "swd" in scoring.names:
        return None
    found: list[str] = []
    for name in scoring.names:
        if name in METRICS:
            assert scoring.network is not None
            found.append(score_name(name, scoring.network))
        elif name in PATHS:
            distance = scoring.distances[name].name
            found.append(name if distance == "lpips_vgg" else f"{name}_{distance}")
        else:
            found += [name, f"{name}_w"] if name == "separability" else [name]
    return tuple(found)


def score_samples(
    scoring: Scoring,
    config: ConfigDict,
    method: Method,
    nets: dict[str, Variables],
    reference: EvalSet | Statistics | None,
    *,
    mesh: Mesh,
    step: int,
    ema: bool,
    num_images: int,
    seed: int,
    options: Mapping[str, Any] | None = None,
    batch_size: int | None = None,
    advance: Callable[[str], Advance] = lambda what: lambda images: None,
    cache: Path | None = None,
    record_failures: bool = False,
) -> dict[str, Score | FailedScore]:
    """Scores of a run's networks: of samples against a reference, of its latents, and of its likelihood.

    Args:
      scoring: which scores, and by what.
      config, method, nets: of the run; averages in place where ``ema``.
      reference: what samples are scored against.
      mesh: the devices.
      step: of the networks.
      ema: whether averages are among ``nets``, for the stamp.
      num_images: samples; of a method that draws for examples of the data, at most as many as there are. Examples of a
        likelihood, paths and classified images are as many.
      seed: of the latents.
      options: sampling options; standing statistics are computed anew for them.
      batch_size: images a dispatch, which no score depends on; ``evaluation.batch_size``, in which standing statistics
        are drawn whatever this is, where None.
      advance, cache, record_failures: as for :func:`jaxgan.evaluation.score.score`.

    Raises:
      UserError: where a score has no meaning for the method, or an option is not declared.
    """
    check_meaning(scoring.names, config, method)
    every = checked_options(method, options or {})
    size = config.evaluation.batch_size if batch_size is None else batch_size
    drawing: dict[str, Any] = dict(rng=jax.random.key(seed), options=options, step=step)
    own = stamp_of_samples(config, num_images)
    own |= sampling_stamp(config, method, step=step, ema=ema, seed=seed, options=every)
    found: dict[str, Score | FailedScore] = {}
    if likelihoods := scoring.of(LIKELIHOOD_METRICS):
        running = {k: v for k, v in own.items() if k != "standing"} | {"batch_norm": "running"}
        shared = dict(mesh=mesh, batch_size=size, **drawing)
        found |= attempted(
            likelihoods,
            functools.partial(
                _likelihood, scoring, config, method, nets, running, num_images, shared, record=record_failures
            ),
            record=record_failures,
        )
    of_images = scoring.of([*METRICS, *IMAGE_METRICS])
    if not of_images and not scoring.of(LATENT_METRICS):
        return found
    inputs, chosen_from = sample_inputs(config, method, num_images, scoring.source, data_dir=scoring.data_dir)
    ready = prepared_nets(
        method,
        nets,
        config.evaluation,
        seed=config.seed + STANDING_SEED,
        mesh=mesh,
        options=options,
        step=step,
        inputs=None if draws_for_labels(method) else inputs,
    )
    if of_images:
        images = images_of_samples(method, ready, inputs, **drawing)
        found |= score(
            of_images,
            EvalSet(images, sample_stamp(config, inputs.length), chosen_from, _class_names(scoring, config)),
            reference,
            network=scoring.network,
            mesh=mesh,
            settings=scoring.settings,
            batch_size=size,
            stamp=sampling_stamp(config, method, step=step, ema=ema, seed=seed, options=every, inputs=inputs),
            advance=advance,
            cache=cache,
            distances=scoring.distances,
            record_failures=record_failures,
        )
    if scoring.of(LATENT_METRICS):
        shared = dict(mesh=mesh, num_samples=num_images, batch_size=size, **drawing)
        if own["truncation_mode"] != "none":
            names = " and ".join(scoring.of(LATENT_METRICS))
            raise UserError(f"{names} go through all of the latents, which are not truncated: leave the truncation out")
        for name in scoring.of(LATENT_METRICS):
            compute = functools.partial(_latent_score, name, scoring, config, method, ready, own, shared)
            found |= attempted([name], compute, record=record_failures)
    return found


def _class_names(scoring: Scoring, config: ConfigDict) -> tuple[str, ...] | None:
    """The names of the classes that samples are drawn for, where a score pairs classes."""
    if not scoring.of(name for name, metric in METRICS.items() if metric.labels):
        return None
    return scoring.class_names or scoring.source(config.data.split).class_names or None


def _latent_score(
    name: str,
    scoring: Scoring,
    config: ConfigDict,
    method: Method,
    nets: dict[str, Variables],
    stamp: Mapping[str, Any],
    shared: Mapping[str, Any],
) -> dict[str, Score]:
    """A score of the latents; of separability one a space."""
    if name in PATHS:
        crop = config.evaluation.path_crop
        return path_length(name, method, nets, scoring.distances[name], stamp=stamp, crop=crop, **shared)
    steps = config.evaluation.tstr_steps
    classify, _ = scoring.classifier(config.data.split, steps=steps, seed=config.seed)
    full = {**stamp, "reference": config.data.name, "reference_split": config.data.split}
    return separability(method, nets, classify, stamp=full, settings={"classifier_steps": steps}, **shared)


def _likelihood(
    scoring: Scoring,
    config: ConfigDict,
    method: Method,
    nets: dict[str, Variables],
    stamp: Mapping[str, Any],
    num_images: int,
    shared: Mapping[str, Any],
    *,
    record: bool,
) -> dict[str, Score | FailedScore]:
    """Scores of the likelihood of held-out examples: all of the test split, or an even choice of ``num_images``."""
    split = likelihood_split(config)
    source = scoring.source(split)
    count = min(num_images, source.length)
    examples = source_inputs(source, tuple(source.fields), even_choice(source.length, count))
    nats, counts, field = example_nats(method, nets, examples, **shared)
    described = described_split(config, source, split, scoring.data_dir)
    full = {
        **stamp,
        "num_images": count,
        "reference": described.name,
        "reference_version": described.version,
        "reference_split": split,
        "reference_count": count,
    }
    found: dict[str, Score | FailedScore] = {}
    for name in scoring.of(LIKELIHOOD_METRICS):
        compute = functools.partial(likelihood_scores, [name], nats, counts, field, stamp=full)
        found |= attempted([name], compute, record=record)
    return found
