"""Evaluators of translation between two domains: panels of both directions, and how near translations come to the
domain that they go to.
"""

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh
from ml_collections import ConfigDict

from jaxgan.data import Source
from jaxgan.data.image_set import describe_source
from jaxgan.evaluation import sample_images, source_inputs
from jaxgan.evaluation.collect import images_of_samples
from jaxgan.evaluation.eval_set import EvalSet, eval_set_of
from jaxgan.evaluation.feature_scores import METRICS, score_name
from jaxgan.evaluation.inputs import even_choice
from jaxgan.evaluation.options import checked_options
from jaxgan.evaluation.panels import panel_grid, sample_panels
from jaxgan.evaluation.score import score
from jaxgan.experiment.drawn_for import GRID_SEED, LATENT_SEED
from jaxgan.experiment.score_names import metric_names
from jaxgan.experiment.score_stamps import sample_stamp, sampling_stamp, stamped
from jaxgan.experiment.scoring import feature_network, settings_of
from jaxgan.metrics.psnr import psnr
from jaxgan.training.errors import UserError
from jaxgan.training.method import Evaluator, Method, Result
from jaxgan.training.state import Variables

DIRECTIONS = {"AtoB": ("A", "B"), "BtoA": ("B", "A")}


def feature_metric(name: str) -> str | None:
    """The score of features that a name is of: 'fd' of 'fd', 'fid', 'fd_AtoB' and 'fd_efficientnet_lite0_AtoB'; None
    where it is of none.
    """
    base = _without_direction(name)
    for metric, spec in METRICS.items():
        if base in (metric, spec.inception) or (spec.of_inception and base.startswith(f"{metric}_")):
            return metric
    return None


def plain_name(name: str) -> str:
    """A score of features in a direction without its network's name: 'fd_AtoB' of 'fd_efficientnet_lite0_AtoB'; other
    names as they are.
    """
    return (feature_metric(name) or _without_direction(name)) + name[len(_without_direction(name)) :]


def _without_direction(name: str) -> str:
    return re.sub(f"_({'|'.join(DIRECTIONS)})(_untouched)?$", "", name)


def unpaired_evaluators(
    method: Method, config: ConfigDict, domains: Callable[[str], Mapping[str, Source]], *, mesh: Mesh, ema: bool
) -> Sequence[Evaluator]:
    """Panels of input, output and the input brought back; and for each direction the scores of features that
    ``unpaired.metrics`` names, of translated images against the domain that they go to, next to those of the images
    as they were (``fid_AtoB`` and ``fid_AtoB_untouched``; other features than the published Inception's are named,
    ``fd_efficientnet_lite0_AtoB``), and ``cycle_A``, the PSNR in dB of what comes back.

    Args:
      method: with the option 'direction' and the sample 'cycle'.
      config: of the experiment.
      domains: split -> domain -> its images.
      mesh: the devices.
      ema: whether averages are among the networks that are scored, for stamps.

    Raises:
      UserError: on scores that are not of features, or weights that are not there.
    """
    evaluation, data = config.evaluation, config.data
    names = metric_names(config.unpaired.metrics)
    wrong = [name for name in names if name not in METRICS]
    if wrong:
        raise UserError(
            f"unpaired.metrics={config.unpaired.metrics!r}: unpaired domains have no {wrong[0]}, which compares pairs; "
            f"choose from {', '.join(METRICS)}"
        )
    network, settings = feature_network(evaluation, names), settings_of(evaluation)
    split = evaluation.reference_split or data.test_split
    opened = functools.cache(domains)
    opened(split)
    drawing: dict[str, Any] = dict(mesh=mesh, batch_size=evaluation.batch_size)

    def inputs_of(domain: str, count: int) -> Any:
        source = opened(split)[domain]
        chosen = even_choice(source.length, min(count, source.length))
        stamp = {"inputs": source.name, "inputs_version": source.version, "inputs_split": split}
        return source_inputs(source, method.conditions, chosen, stamp=stamp)

    def samples(nets: dict[str, Variables], step: int) -> dict[str, Result]:
        shown: dict[str, Result] = {}
        for direction, (start, _) in DIRECTIONS.items():
            more: dict[str, Any] = dict(
                rng=jax.random.key(config.seed + GRID_SEED), step=step, options={"direction": direction}
            )
            inputs = inputs_of(start, evaluation.grid_classes)
            rows = sample_panels(method, nets, inputs, ["input_image", "image", "cycle"], **more, **drawing)
            shown[f"samples_{direction}"] = panel_grid(rows)
        return shown

    @functools.cache
    def real(domain: str) -> EvalSet:
        described = describe_source(
            data.name, opened(split)[domain], split, image_size=tuple(data.image_size), data_dir=data.data_dir
        )
        # By its domain too: cached statistics of one must not be taken for the other's.
        own = described._replace(split=f"{split}{domain}")
        return eval_set_of(own, min(evaluation.num_images, opened(split)[domain].length))

    @functools.cache
    def untouched(start: str, end: str) -> dict[str, Any]:
        return _scored(real(start), real(end), None)

    def _scored(images: EvalSet, reference: EvalSet, stamp: Any) -> dict[str, Any]:
        return score(
            names, images, reference, network=network, mesh=mesh, settings=settings,
            batch_size=evaluation.batch_size, stamp=stamp,
            record_failures=evaluation.get("on_error", "record") == "record",
        )  # fmt: skip

    def scores(nets: dict[str, Variables], step: int) -> dict[str, Result]:
        found: dict[str, Result] = {}
        for direction, (start, end) in DIRECTIONS.items():
            inputs, seed = inputs_of(start, evaluation.num_images), config.seed + LATENT_SEED
            options = {"direction": direction}
            more: dict[str, Any] = dict(rng=jax.random.key(seed), step=step, options=options)
            stamp = sampling_stamp(
                config, method, step=step, ema=ema, seed=seed, options=checked_options(method, options), inputs=inputs
            )
            back = sample_images(method, nets, inputs, key="cycle", **more, **drawing)
            true = inputs.rows(np.arange(inputs.length))["image"]
            decibels = np.asarray(psnr(true.astype(np.float32), back.astype(np.float32), data_range=255.0)).mean()
            drawn = sample_stamp(config, inputs.length)
            of_cycle = {
                "images": drawn["data"],
                "images_version": drawn["version"],
                "num_images": inputs.length,
                "resolution": drawn["resolution"],
                **stamp,
            }
            found |= stamped({f"eval/cycle_{start}": float(decibels)}, of_cycle, {})
            if not names:
                continue
            translated = EvalSet(images_of_samples(method, nets, inputs, **more), drawn)
            for name, value in _scored(translated, real(end), stamp).items():
                found[f"eval/{name}_{direction}"] = value
            for name, value in untouched(start, end).items():
                found[f"eval/{name}_{direction}_untouched"] = value
        return found

    called = [] if network is None else [score_name(name, network) for name in names]
    given = [f"{name}_{direction}{end}" for name in called for direction in DIRECTIONS for end in ("", "_untouched")]
    return [
        Evaluator("samples", samples, evaluation.every_steps, ()),
        Evaluator("scores", scores, evaluation.every_steps, (*given, "cycle_A", "cycle_B")),
    ]
