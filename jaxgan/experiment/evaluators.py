"""Evaluators of recipes that draw images: sample grids, panels, scores, and what a classifier learns from samples."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh
from ml_collections import ConfigDict

from jaxgan.data import Source, open_dataset
from jaxgan.evaluation import accuracy, class_grid, label_inputs, sample_images, train_classifier
from jaxgan.evaluation.likelihood import LIKELIHOOD_METRICS
from jaxgan.evaluation.options import checked_options
from jaxgan.evaluation.panels import label_maps, panel_grid, sample_panels
from jaxgan.evaluation.stacked_modes import stacked_mode_coverage
from jaxgan.evaluation.traversal import code_traversal
from jaxgan.experiment.drawn_for import (
    GRID_SEED,
    LATENT_SEED,
    STANDING_SEED,
    data_eval_set,
    draws_for_labels,
    likelihood_split,
    prepared_nets,
    reference_split,
    sample_inputs,
    sample_targets,
    target_of,
)
from jaxgan.experiment.score_names import metric_names
from jaxgan.experiment.score_stamps import sample_stamp, sampling_stamp, stamped
from jaxgan.experiment.scores import check_meaning, names_given, score_samples
from jaxgan.experiment.scoring import Scoring, feature_network, open_distances, settings_of
from jaxgan.latent import Prior
from jaxgan.metrics import class_spread, classes_hit, mode_coverage
from jaxgan.metrics.diversity import relative_spread
from jaxgan.training.errors import UserError
from jaxgan.training.method import Evaluator, FailedScore, Method, Result
from jaxgan.training.state import Variables

# What ``evaluation.tstr`` gives, without classes and with them.
MODE_SCORES = ("modes", "modes_kl")
TSTR_SCORES = ("tstr", "tstr_real", "trts", "classes_hit", *MODE_SCORES, "spread_min", "spread_mean")


def image_evaluators(
    method: Method, config: ConfigDict, source: Callable[[str], Source], *, mesh: Mesh, ema: bool
) -> Sequence[Evaluator]:
    """A grid with a row a class (without classes, of as many rows); a grid a code, where the latent has codes; of a
    method that draws for examples of the data, panels of input, output and target instead; the scores that
    ``evaluation.metrics`` names; and, where ``evaluation.tstr``, what samples teach and whether they collapse.

    Without classes, the latter are ``eval/modes`` and ``eval/modes_kl`` alone, by a classifier of real images; on
    Stacked MNIST they count its 1000 modes. With classes, they are ``eval/tstr``, accuracy on real held-out images of a
    classifier trained on samples alone (CAS); ``eval/tstr_real``, of the same classifier trained on real images;
    ``eval/trts``, how often the latter labels samples as they were asked for; ``eval/classes_hit``, for how many
    classes it does so mostly; ``eval/modes`` and ``eval/modes_kl``, how many classes it finds in the samples and how
    far from uniform; ``eval/spread_min`` and ``eval/spread_mean``, the spread within a class over that of real images,
    of the worst class and on average, of classes with two real images that differ.

    A score that cannot be computed fails alone where ``evaluation.on_error`` is 'record'.

    Args:
      method, config: of the experiment.
      source: split -> its data; each is opened once.
      mesh: the devices.
      ema: whether averages are among the networks that are scored, for stamps.

    Raises:
      UserError: on an unknown score, one without a meaning for the method, or weights or splits that are not there: at
        the start rather than hours later.
    """
    evaluation, data, seed = config.evaluation, config.data, config.seed
    source = functools.cache(source)
    classes = max(method.num_classes, 1)
    drawing: dict[str, Any] = dict(mesh=mesh, batch_size=evaluation.batch_size)
    names = metric_names(evaluation.metrics)
    check_meaning(names, config, method)
    network = feature_network(evaluation, names)
    settings = settings_of(evaluation)
    distances = open_distances(names)
    scoring = Scoring(names=names, network=network, settings=settings, distances=distances, source=source)
    if evaluation.tstr and not draws_for_labels(method):
        given = ", ".join(method.conditions)
        raise UserError(
            f"evaluation.tstr is of samples of classes or of nothing, and {config.recipe} draws for {given}"
        )

    # What scores read is opened now: a split that is not there costs no training.
    needed = [reference_split(config, method)] if names or not draws_for_labels(method) else []
    needed += [likelihood_split(config)] if scoring.of(LIKELIHOOD_METRICS) else []
    for split in dict.fromkeys([*needed, *([data.split, data.test_split] if evaluation.tstr else [])]):
        opened = source(split)
        if opened.length < 2:
            raise UserError(f"{opened.name}: scores need 2 examples or more, the split {split!r} has {opened.length}")

    def ready(nets: dict[str, Variables], step: int, **more: Any) -> dict[str, Variables]:
        return prepared_nets(method, nets, evaluation, seed=seed + STANDING_SEED, mesh=mesh, step=step, **more)

    def samples(nets: dict[str, Variables], step: int) -> dict[str, Result]:
        rng = jax.random.key(seed + GRID_SEED)
        if not draws_for_labels(method):
            inputs, _ = sample_inputs(config, method, evaluation.grid_classes, source)
            target = sample_targets(config, method, inputs.length, source)
            more = dict(
                target=target, maps=label_maps(source(reference_split(config, method))), rng=rng, step=step, **drawing
            )
            return {"samples": panel_grid(sample_panels(method, ready(nets, step, inputs=inputs), inputs, **more))}
        shown = min(classes, evaluation.grid_classes) if method.num_classes else evaluation.grid_classes
        rows = np.linspace(0, classes - 1, shown).astype(int).tolist()
        prepared, columns = ready(nets, step), evaluation.grid_columns
        grid = class_grid(method, prepared, classes=rows, columns=columns, rng=rng, step=step, **drawing)
        return {"samples": grid} | code_grids(method, prepared, rng=rng, rows=min(5, shown), mesh=mesh, step=step)

    def draw(nets: dict[str, Variables], step: int) -> tuple[np.ndarray, np.ndarray]:
        """Images, and the classes that they were drawn for."""
        inputs = label_inputs(evaluation.tstr_images, method.num_classes)
        rng = jax.random.key(seed + LATENT_SEED)
        images = sample_images(method, ready(nets, step), inputs, rng=rng, step=step, **drawing)
        return images, np.zeros(len(images), np.int32) if inputs.labels is None else inputs.labels

    @functools.cache
    def real(split: str) -> tuple[np.ndarray, np.ndarray]:
        opened = source(split)
        got = opened.fetch(np.arange(opened.length))
        return got["image"], got["label"]

    def train(images: np.ndarray, labels: np.ndarray) -> Any:
        count = source(data.split).num_classes
        return train_classifier(images, labels, num_classes=count, steps=evaluation.tstr_steps, seed=seed)

    @functools.cache
    def real_classifier() -> Any:
        return train(*real(data.split))

    @functools.cache
    def mode_counter() -> Callable[[np.ndarray], tuple[int, float]]:
        if data.name == "stacked_mnist":
            return stacked_mode_counter(config, steps=evaluation.tstr_steps, seed=seed)
        judge = real_classifier()
        return lambda images: mode_coverage(judge(images), source(data.split).num_classes)

    def modes(nets: dict[str, Variables], step: int) -> dict[str, Result]:
        images, _ = draw(nets, step)
        hit, kl = mode_counter()(images)
        return dict(stamped({"eval/modes": float(hit), "eval/modes_kl": kl}, classifier_stamp(step), classifier))

    @functools.cache
    def reference_version() -> str:
        return data_eval_set(config, source(data.split), data.split, 1).stamp["version"]

    def classifier_stamp(step: int) -> dict[str, Any]:
        drawn = sample_stamp(config, evaluation.tstr_images)
        return {
            "images": drawn["data"],
            "images_version": drawn["version"],
            "images_split": drawn["split"],
            "num_images": evaluation.tstr_images,
            "resolution": drawn["resolution"],
            **sampling_stamp(
                config, method, step=step, ema=ema, seed=seed + LATENT_SEED, options=checked_options(method, {})
            ),
            "reference": data.name,
            "reference_version": reference_version(),
            "reference_split": f"trained on {data.split}, tested on {data.test_split}",
        }

    classifier = {"classifier_steps": evaluation.tstr_steps}

    def tstr(nets: dict[str, Variables], step: int) -> dict[str, Result]:
        images, labels = draw(nets, step)
        judge = real_classifier()
        predicted = judge(images)
        hit, agreement = classes_hit(predicted, labels, classes)
        modes, kl = mode_coverage(predicted, classes)
        spread = relative_spread(class_spread(images, labels, classes), class_spread(*real(data.split), classes))
        values = {
            "eval/tstr": accuracy(train(images, labels), *real(data.test_split)),
            "eval/tstr_real": accuracy(judge, *real(data.test_split)),
            "eval/trts": agreement,
            "eval/classes_hit": float(hit),
            "eval/modes": float(modes),
            "eval/modes_kl": kl,
        }
        failed: dict[str, Result] = {}
        if np.isnan(spread).all():
            reason = "no class that was drawn has two real images that differ, whose spread could be compared with"
            failed = dict.fromkeys(("eval/spread_min", "eval/spread_mean"), FailedScore(reason))
        else:
            values |= {"eval/spread_min": float(np.nanmin(spread)), "eval/spread_mean": float(np.nanmean(spread))}
        stamp = classifier_stamp(step) | {"reference_count": len(real(data.test_split)[1])}
        return dict(stamped(values, stamp, classifier)) | failed

    def scores(nets: dict[str, Variables], step: int) -> dict[str, Result]:
        split = reference_split(config, method)
        found = score_samples(
            scoring,
            config,
            method,
            nets,
            data_eval_set(config, source(split), split, evaluation.reference_images, field=target_of(method)),
            mesh=mesh,
            step=step,
            ema=ema,
            num_images=evaluation.num_images,
            seed=seed + LATENT_SEED,
            record_failures=evaluation.get("on_error", "record") == "record",
        )
        return {f"eval/{name}": score for name, score in found.items()}

    made = [Evaluator("samples", samples, evaluation.every_steps, ())]
    if names:
        made.append(Evaluator("scores", scores, evaluation.every_steps, names_given(scoring)))
    if evaluation.tstr:
        run, gives = (tstr, TSTR_SCORES) if method.num_classes else (modes, MODE_SCORES)
        made.append(Evaluator("tstr", run, evaluation.every_steps, gives))
    return made


def code_grids(
    method: Method, nets: dict[str, Variables], *, rng: jax.Array, rows: int, mesh: Mesh, step: int | None = None
) -> dict[str, Result]:
    """'code_0', ...: a picture for each code of the method's prior, the columns going through its values."""
    prior = getattr(getattr(method, "latents", None), "prior", None)
    if not isinstance(prior, Prior):
        return {}
    codes = len(prior.categorical) + prior.continuous
    return {
        f"code_{code}": code_traversal(method, nets, prior, code=code, rows=rows, rng=rng, mesh=mesh, step=step)
        for code in range(codes)
    }


def stacked_mode_counter(config: ConfigDict, *, steps: int, seed: int) -> Callable[[np.ndarray], tuple[int, float]]:
    """Counts the modes of Stacked MNIST by a classifier of MNIST's digits, at the config's resolution."""
    data = config.data
    digits = open_dataset(
        "tfds:mnist", split=data.split, data_dir=data.data_dir, image_size=tuple(data.image_size), channels=1
    )
    got = digits.fetch(np.arange(digits.length))
    classify = train_classifier(got["image"], got["label"], num_classes=10, steps=steps, seed=seed)
    return lambda images: stacked_mode_coverage(images, classify)
