"""The scores and pictures of class-conditional recipes."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh
from ml_collections import ConfigDict

from jaxgan.data import Source
from jaxgan.evaluation import accuracy, balanced_labels, class_grid, sample_images, train_classifier
from jaxgan.metrics import class_spread, classes_hit, mode_coverage
from jaxgan.recipes.scores import (
    GRID_SEED,
    LATENT_SEED,
    STANDING_SEED,
    data_subject,
    feature_network,
    metric_names,
    prepared_nets,
    sample_stamp,
    sampling_stamp,
    score_samples,
    settings_of,
    stamped,
)
from jaxgan.training.method import Evaluator, Method, Result
from jaxgan.training.state import Variables


def class_evaluators(
    method: Method, config: ConfigDict, source: Callable[[str], Source], *, mesh: Mesh
) -> Sequence[Evaluator]:
    """A grid with a row a class; the scores that ``evaluation.metrics`` names; and, where ``evaluation.tstr``, what
    samples teach and whether they collapse.

    The latter are ``eval/tstr``, accuracy on real held-out images of a classifier trained on samples alone (CAS);
    ``eval/tstr_real``, of the same classifier trained on real images; ``eval/trts``, how often the latter labels
    samples as they were asked for; ``eval/classes_hit``, for how many classes it does so mostly; ``eval/modes`` and
    ``eval/modes_kl``, how many classes it finds in the samples and how far from uniform; ``eval/spread_min`` and
    ``eval/spread_mean``, the spread within a class over that of real images, of the worst class and on average.

    Raises:
      UserError: on an unknown score, or a feature network that is not there: at the start rather than hours later.
    """
    evaluation, data, seed = config.evaluation, config.data, config.seed
    classes = max(method.num_classes, 1)
    options: dict[str, Any] = dict(mesh=mesh, batch_size=evaluation.batch_size)
    names = metric_names(evaluation.metrics)
    network = feature_network(evaluation, names)

    def ready(nets: dict[str, Variables]) -> dict[str, Variables]:
        return prepared_nets(method, nets, evaluation, seed=seed + STANDING_SEED, mesh=mesh)

    def samples(nets: dict[str, Variables], step: int) -> dict[str, Result]:
        del step
        rows = np.linspace(0, classes - 1, min(classes, evaluation.grid_classes)).astype(int).tolist()
        rng = jax.random.key(seed + GRID_SEED)
        grid = class_grid(method, ready(nets), classes=rows, columns=evaluation.grid_columns, rng=rng, **options)
        return {"samples": grid}

    @functools.cache
    def real(split: str) -> tuple[np.ndarray, np.ndarray]:
        opened = source(split)
        got = opened.fetch(np.arange(opened.length))
        return got["image"], got["label"]

    train = functools.partial(train_classifier, num_classes=classes, steps=evaluation.tstr_steps, seed=seed)

    @functools.cache
    def real_classifier() -> Any:
        return train(*real(data.split))

    def tstr(nets: dict[str, Variables], step: int) -> dict[str, Result]:
        labels = balanced_labels(evaluation.tstr_images, classes)
        images = sample_images(method, ready(nets), labels, rng=jax.random.key(seed + LATENT_SEED), **options)
        judge = real_classifier()
        predicted = judge(images)
        hit, agreement = classes_hit(predicted, labels, classes)
        modes, kl = mode_coverage(predicted, classes)
        ratio = class_spread(images, labels, classes) / class_spread(*real(data.split), classes)
        values = {
            "eval/tstr": accuracy(train(images, labels), *real(data.test_split)),
            "eval/tstr_real": accuracy(judge, *real(data.test_split)),
            "eval/trts": agreement,
            "eval/classes_hit": float(hit),
            "eval/modes": float(modes),
            "eval/modes_kl": kl,
            "eval/spread_min": float(np.nanmin(ratio)),
            "eval/spread_mean": float(np.nanmean(ratio)),
        }
        drawn = sample_stamp(config, len(labels))
        stamp = {
            "images": drawn["data"],
            "images_version": drawn["version"],
            "images_split": drawn["split"],
            "num_images": len(labels),
            "resolution": drawn["resolution"],
            **sampling_stamp(config, step=step, ema=True, seed=seed + LATENT_SEED),
            "reference": data.name,
            "reference_split": f"trained on {data.split}, tested on {data.test_split}",
            "reference_count": len(real(data.test_split)[1]),
        }
        return dict(stamped(values, stamp, {"classifier_steps": evaluation.tstr_steps}))

    def scores(nets: dict[str, Variables], step: int) -> dict[str, Result]:
        split = evaluation.reference_split or data.split
        found = score_samples(
            names,
            config,
            method,
            nets,
            data_subject(config, source(split), split, evaluation.reference_images),
            network=network,
            mesh=mesh,
            step=step,
            ema=True,
            num_images=evaluation.num_images,
            seed=seed + LATENT_SEED,
            settings=settings_of(evaluation),
        )
        return {f"eval/{name}": score for name, score in found.items()}

    made = [Evaluator("samples", samples, evaluation.every_steps)]
    if names:
        made.append(Evaluator("scores", scores, evaluation.every_steps))
    if evaluation.tstr:
        made.append(Evaluator("tstr", tstr, evaluation.every_steps))
    return made
