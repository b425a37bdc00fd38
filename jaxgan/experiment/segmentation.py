"""Evaluator of the segmentation score: what a network that segments real photos reads in translated ones."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh
from ml_collections import ConfigDict

from jaxgan.data import Colours, Source, augmentations
from jaxgan.data.palette import nearest_colour
from jaxgan.evaluation import sample_images
from jaxgan.evaluation.options import checked_options
from jaxgan.evaluation.segmentation_score import train_segmenter
from jaxgan.experiment.drawn_for import LATENT_SEED, STANDING_SEED, prepared_nets, reference_split, sample_inputs
from jaxgan.experiment.score_stamps import sample_stamp, sampling_stamp, stamped
from jaxgan.metrics.segmentation import confusion, segmentation_scores
from jaxgan.training.errors import UserError
from jaxgan.training.method import Evaluator, Method, Result
from jaxgan.training.state import Variables

SCORES = ("pixel_accuracy", "class_accuracy", "mean_iou")


def segmentation_evaluator(
    method: Method,
    config: ConfigDict,
    source: Callable[[str], Source],
    given: Mapping[str, Any],
    *,
    mesh: Mesh,
    ema: bool,
) -> Evaluator:
    """``eval/pixel_accuracy``, ``eval/class_accuracy`` and ``eval/mean_iou`` of what is drawn for held-out examples.

    Photos drawn from maps are read by a small U-Net that was trained on the real pairs of ``data.split``; its scores on
    the real held-out photos, the instrument's ceiling, end in '_real'. Maps drawn from photos, as colours, are read by
    the nearest colour, and have no ceiling but 1. All is at the run's own size, which the stamp has.

    Args:
      method, config: of the experiment; ``config.segmentation`` has the numbers.
      source: split -> its examples, held-out ones with what ``data.test_augment`` makes.
      given: 'source' and 'target', the fields that are drawn for and drawn, and the source's 'classes', 0 of pictures.
      mesh: the devices.
      ema: whether averages are among the networks that are scored, for stamps.

    Raises:
      UserError: where neither side is a label map with a number of classes.
    """
    data, evaluation = config.data, config.evaluation
    settings = dict(config.segmentation)
    ignore = settings.pop("ignore")
    colours = [c for c in augmentations(data.test_augment) if isinstance(c, Colours) and c.output == given["target"]]
    maps = given["source"] if given["classes"] else colours[0].field if colours else None
    scored = reference_split(config, method)
    classes = source(scored).fields[maps].classes if maps else 0
    if maps is None or not classes:
        raise UserError(
            "segmentation.steps: the score needs a label map with a number of classes, as the source or, in colours, "
            "as the target: set data.fields.<map>.classes, or segmentation.steps=0"
        )

    def whole(split: str, field: str) -> np.ndarray:
        opened = source(split)
        return opened.fetch(np.arange(opened.length))[field]

    def ids(split: str) -> np.ndarray:
        found = whole(split, maps)
        return found[..., 0] if found.ndim == 4 else found

    @functools.cache
    def read() -> Callable[[np.ndarray], np.ndarray]:
        if colours:
            return lambda pictures: nearest_colour(pictures, classes)
        photos = whole(data.split, given["target"])
        return train_segmenter(photos, ids(data.split), classes=classes, ignore=ignore, seed=config.seed, **settings)

    @functools.cache
    def ceiling() -> dict[str, float]:
        if colours:
            return {}
        counts = confusion(read()(whole(scored, given["target"])), ids(scored), classes, ignore=ignore)
        return {f"{name}_real": value for name, value in segmentation_scores(counts).items()}

    def run(nets: dict[str, Variables], step: int) -> dict[str, Result]:
        seed = config.seed + LATENT_SEED
        inputs, _ = sample_inputs(config, method, source(scored).length, source)
        ready = prepared_nets(
            method, nets, evaluation, seed=config.seed + STANDING_SEED, mesh=mesh, step=step, inputs=inputs
        )
        images = sample_images(
            method, ready, inputs, rng=jax.random.key(seed), mesh=mesh, batch_size=evaluation.batch_size, step=step
        )
        counts = confusion(read()(images), ids(scored), classes, ignore=ignore)
        drawn = sample_stamp(config, len(images))
        options = checked_options(method, {})
        stamp: dict[str, Any] = {
            "images": drawn["data"],
            "images_version": drawn["version"],
            "num_images": len(images),
            "resolution": drawn["resolution"],
            "reference": data.name,
            "reference_split": scored if colours else f"read by {data.split}, of {scored}",
            **sampling_stamp(config, method, step=step, ema=ema, seed=seed, options=options, inputs=inputs),
        }
        of_reader = {"ignore": -1 if ignore is None else ignore} | ({} if colours else settings)
        values = {f"eval/{name}": value for name, value in (segmentation_scores(counts) | ceiling()).items()}
        return dict(stamped(values, stamp, of_reader))

    names = SCORES if colours else (*SCORES, *(f"{name}_real" for name in SCORES))
    return Evaluator("segmentation", run, evaluation.every_steps, names)
