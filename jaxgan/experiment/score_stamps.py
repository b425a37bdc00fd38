"""Stamps of a run's scores: how samples were drawn, and as which set."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from jaxgan.evaluation import SampleInputs
from jaxgan.evaluation.options import options_stamp
from jaxgan.evaluation.protocol import code_version
from jaxgan.interop.perceptual_layers import perceptual_digest
from jaxgan.training.method import FailedScore, Method, Score
from jaxgan.training.workdir import fingerprint


def sampling_stamp(
    config: ConfigDict,
    method: Method,
    *,
    step: int,
    ema: bool,
    seed: int,
    options: Mapping[str, Any] | None = None,
    inputs: SampleInputs | None = None,
) -> dict[str, Any]:
    """Stamp of how samples were drawn.

    Args:
      config: of the run.
      method: that draws.
      step: of the networks.
      ema: whether averages are among the networks.
      seed: of the latents.
      options: every sampling option, as :func:`jaxgan.evaluation.options.checked_options` gives them.
      inputs: what was drawn for.
    """
    evaluation = config.evaluation
    standing = evaluation.batch_norm == "standing"
    return {
        "ema": ema,
        "batch_norm": evaluation.batch_norm,
        # Statistics of other batches are others, and so are the images.
        **({"standing": f"{evaluation.standing_passes} x {evaluation.batch_size}"} if standing else {}),
        **options_stamp(options or {}),
        **({} if inputs is None else inputs.stamp),
        # Networks of another run draw too.
        **({"runs": {name: read()[:16] for name, read in method.origins.items()}} if method.origins else {}),
        **perceptual_stamp(config),
        "seed": seed,
        "step": step,
    }


def perceptual_stamp(config: ConfigDict) -> dict[str, Any]:
    """'perceptual': the perceptual loss that a run was trained with, its settings and the SHA-256 of its network's
    weights; empty where there is none.
    """
    given = config.get("perceptual")
    if not given or not given.weight:
        return {}
    settings = {name: value for name, value in given.items() if name != "weights"}
    shown = {name: list(value) if isinstance(value, tuple) else value for name, value in settings.items()}
    return {"perceptual": shown | {"sha256": perceptual_digest(given.network, given.get("weights"))}}


def sample_stamp(config: ConfigDict, num_images: int) -> dict[str, Any]:
    """Stamp of samples as a set."""
    resolution = [*config.data.image_size, config.data.channels]
    return {
        "data": f"samples of {config.recipe}",
        "version": config_version(config),
        "split": "generated",
        "count": num_images,
        "resolution": resolution,
        "crop": "none",
    }


def config_version(config: ConfigDict) -> str:
    """Sixteen digits of a config's fingerprint."""
    return fingerprint(json.loads(config.to_json()))[:16]


def stamp_of_samples(config: ConfigDict, num_images: int) -> dict[str, Any]:
    """:func:`sample_stamp` in the fields of a score's stamp, with the version of the code."""
    drawn = sample_stamp(config, num_images)
    return {
        "images": drawn["data"],
        "images_version": drawn["version"],
        "images_split": drawn["split"],
        "num_images": num_images,
        "resolution": drawn["resolution"],
        "code": code_version(),
    }


def stamped(values: Mapping[str, float], stamp: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Score]:
    """Scores of this library's own making (TSTR and its kin), with the stamp that they share."""
    full = {**stamp, "settings": dict(settings), "code": code_version()}
    return {name: Score(float(np.asarray(value)), None, full) for name, value in values.items()}


def as_scores(results: Mapping[str, Any], stamp: Mapping[str, Any]) -> dict[str, Score | FailedScore]:
    """The scores and floats that an evaluator gives, without 'eval/' and pictures; floats are given ``stamp``, failed
    scores stay as they are.

    Args:
      results: name -> score, float, picture or failed score.
      stamp: the protocol of floats; of scores, only whether averages were scored is taken from it.
    """
    found: dict[str, Score | FailedScore] = {}
    for name, value in results.items():
        if isinstance(value, FailedScore):
            found[name.removeprefix("eval/")] = value
        elif isinstance(value, Score):
            found[name.removeprefix("eval/")] = value._replace(stamp={**value.stamp, "ema": stamp["ema"]})
        elif np.ndim(value) == 0:
            found[name.removeprefix("eval/")] = Score(float(value), None, dict(stamp))
    return found
