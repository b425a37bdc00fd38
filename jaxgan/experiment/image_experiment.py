"""Experiment of one stage on the images of a set, whose samples and likelihoods are scored on held-out ones."""

import functools
from typing import Any

import numpy as np
from jax.sharding import Mesh
from ml_collections import ConfigDict

from jaxgan.data import Field, Source
from jaxgan.experiment.common import data_stage, is_averaged, partition_rules
from jaxgan.experiment.evaluators import image_evaluators
from jaxgan.experiment.open_split import held_out, open_split
from jaxgan.training.method import Experiment, Method


def image_experiment(
    config: ConfigDict, method: Method, *, labels: bool = False, as_tested: bool = False
) -> Experiment:
    """``method`` on batches of 'image' uint8 [B, H, W, C].

    Args:
      config: of a recipe.
      method: what is trained.
      labels: batches have 'label' int32 [B] too.
      as_tested: training reads examples through ``data.test_augment`` too, so that an example's coins are the same
        whenever it is read.
    """

    @functools.cache
    def source(split: str) -> Source:
        return open_split(config, split, training=True)

    @functools.cache
    def tested(split: str) -> Source:
        return held_out(config, source(split))

    def evaluators(mesh: Mesh) -> Any:
        return image_evaluators(method, config, tested, mesh=mesh, ema=is_averaged(config, method))

    fields = {"image": Field((*config.data.image_size, config.data.channels), np.uint8, "image")}
    if labels:
        fields["label"] = Field((), np.int32, "value")
    stage = data_stage(
        config,
        method,
        fields=fields,
        open_dataset=lambda: (tested if as_tested else source)(config.data.split),
        evaluators=evaluators,
    )
    return Experiment(stages=(stage,), rules=partition_rules(config))
