"""Score the samples of a run against its data: what training's evaluators and the command line share."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
from jax.sharding import Mesh
from ml_collections import ConfigDict

from jaxgan.evaluation import source_inputs
from jaxgan.evaluation.collect import images_of_samples
from jaxgan.evaluation.eval_set import EvalSet
from jaxgan.evaluation.feature_scores import METRICS
from jaxgan.evaluation.image_scores import IMAGE_METRICS
from jaxgan.evaluation.inputs import even_choice
from jaxgan.evaluation.latent_scores import LATENT_METRICS, PATHS, check_latents, path_length, separability
from jaxgan.evaluation.likelihood import LIKELIHOOD_METRICS, example_nats, likelihood_scores
from jaxgan.evaluation.options import checked_options
from jaxgan.evaluation.score import Advance, score
from jaxgan.evaluation.statistics import Statistics
from jaxgan.experiment.drawn_for import STANDING_SEED, described_split, draws_for_labels, prepared_nets, sample_inputs
from jaxgan.experiment.score_stamps import sample_stamp, sampling_stamp, stamp_of_samples
from jaxgan.experiment.scoring import Scoring
from jaxgan.training.errors import UserError
from jaxgan.training.method import Method, Score
from jaxgan.training.state import Variables


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
) -> dict[str, Score]:
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
      advance, cache: as for :func:`jaxgan.evaluation.score.score`.

    Raises:
      UserError: where a score has no meaning for the method, or an option is not declared.
    """
    every = checked_options(method, options or {})
    size = config.evaluation.batch_size if batch_size is None else batch_size
    drawing: dict[str, Any] = dict(rng=jax.random.key(seed), options=options, step=step)
    own = stamp_of_samples(config, num_images)
    own |= sampling_stamp(config, method, step=step, ema=ema, seed=seed, options=every)
    found: dict[str, Score] = {}
    if scoring.of(LIKELIHOOD_METRICS):
        running = {k: v for k, v in own.items() if k != "standing"} | {"batch_norm": "running"}
        shared = dict(mesh=mesh, batch_size=size, **drawing)
        found |= _likelihood(scoring, config, method, nets, running, num_images, shared)
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
        )
    if scoring.of(LATENT_METRICS):
        shared = dict(mesh=mesh, num_samples=num_images, batch_size=size, **drawing)
        found |= _latent_scores(scoring, config, method, ready, own, shared)
    return found


def _class_names(scoring: Scoring, config: ConfigDict) -> tuple[str, ...] | None:
    """The names of the classes that samples are drawn for, where a score pairs classes."""
    if not scoring.of(name for name, metric in METRICS.items() if metric.labels):
        return None
    return scoring.source(config.data.split).class_names or None


def _latent_scores(
    scoring: Scoring,
    config: ConfigDict,
    method: Method,
    nets: dict[str, Variables],
    stamp: Mapping[str, Any],
    shared: Mapping[str, Any],
) -> dict[str, Score]:
    """Scores of the latents; a truncation does not act on them, and is refused."""
    if stamp["truncation_mode"] != "none":
        names = " and ".join(scoring.of(LATENT_METRICS))
        raise UserError(f"{names} go through all of the latents, which are not truncated: leave the truncation out")
    found: dict[str, Score] = {}
    for name in scoring.of(LATENT_METRICS):
        check_latents(name, method)
        if name in PATHS:
            crop = config.evaluation.path_crop
            found |= path_length(name, method, nets, scoring.distances[name], stamp=stamp, crop=crop, **shared)
            continue
        steps = config.evaluation.tstr_steps
        classify, _ = scoring.classifier(config.data.split, steps=steps, seed=config.seed)
        full = {**stamp, "reference": config.data.name, "reference_split": config.data.split}
        settings = {"classifier_steps": steps}
        found |= separability(method, nets, classify, stamp=full, settings=settings, **shared)
    return found


def _likelihood(
    scoring: Scoring,
    config: ConfigDict,
    method: Method,
    nets: dict[str, Variables],
    stamp: Mapping[str, Any],
    num_images: int,
    shared: Mapping[str, Any],
) -> dict[str, Score]:
    """Scores of the likelihood of held-out examples: all of the test split, or an even choice of ``num_images``."""
    names = scoring.of(LIKELIHOOD_METRICS)
    if not hasattr(method, "nats"):
        raise UserError(f"{names[0]} needs a likelihood, and {config.recipe} has none: its method gives no nats")
    split = config.evaluation.reference_split or config.data.test_split
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
    return likelihood_scores(names, nats, counts, field, stamp=full)
