"""The scores and pictures of class-conditional recipes."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from jaxgan.data import Source
from jaxgan.evaluation import (
    accuracy,
    balanced_labels,
    class_grid,
    sample_images,
    standing_statistics,
    train_classifier,
)
from jaxgan.metrics import class_spread, classes_hit
from jaxgan.training.errors import UserError
from jaxgan.training.method import Evaluator, Method
from jaxgan.training.state import Variables


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


def class_evaluators(
    method: Method, evaluation: Any, source: Callable[[str], Source], data: Any, *, seed: int, mesh: Mesh
) -> Sequence[Evaluator]:
    """A grid with a row a class; and, where ``evaluation.tstr``, what samples teach and whether they collapse.

    Scores: ``eval/tstr``, accuracy on real held-out images of a classifier trained on samples alone;
      ``eval/tstr_real``, of the same
    classifier trained on real images; ``eval/classes_hit`` and ``eval/label_agreement``, how the latter labels the
    samples; ``eval/spread_min`` and ``eval/spread_mean``, the spread within a class over that of real images, of the
    worst class and on average.
    """
    classes = max(method.num_classes, 1)
    options: dict[str, Any] = dict(mesh=mesh, batch_size=evaluation.batch_size)

    def ready(nets: dict[str, Variables]) -> dict[str, Variables]:
        return prepared_nets(method, nets, evaluation, seed=seed + 1, mesh=mesh)

    def samples(nets: dict[str, Variables], step: int) -> dict[str, float | np.ndarray]:
        del step
        rows = np.linspace(0, classes - 1, min(classes, evaluation.grid_classes)).astype(int).tolist()
        grid = class_grid(
            method, ready(nets), classes=rows, columns=evaluation.grid_columns, rng=jax.random.key(seed + 2), **options
        )
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

    def tstr(nets: dict[str, Variables], step: int) -> dict[str, float | np.ndarray]:
        del step
        labels = balanced_labels(evaluation.tstr_images, classes)
        images = sample_images(method, ready(nets), labels, rng=jax.random.key(seed + 3), **options)
        judge = real_classifier()
        hit, agreement = classes_hit(judge(images), labels, classes)
        ratio = class_spread(images, labels, classes) / class_spread(*real(data.split), classes)
        return {
            "eval/tstr": accuracy(train(images, labels), *real(data.test_split)),
            "eval/tstr_real": accuracy(judge, *real(data.test_split)),
            "eval/classes_hit": float(hit),
            "eval/label_agreement": agreement,
            "eval/spread_min": float(np.nanmin(ratio)),
            "eval/spread_mean": float(np.nanmean(ratio)),
        }

    scores = [Evaluator("samples", samples, evaluation.every_steps)]
    if evaluation.tstr:
        scores.append(Evaluator("tstr", tstr, evaluation.every_steps))
    return scores
