"""Protocol of a run's scores, opened once: features, distances, numbers, data."""

import dataclasses
import functools
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from jax import Array

from jaxgan.data import Source
from jaxgan.evaluation.feature_scores import METRICS, Settings
from jaxgan.evaluation.image_scores import PERCEPTUAL, Distance
from jaxgan.evaluation.latent_scores import PATHS
from jaxgan.evaluation.tstr import fit_classifier
from jaxgan.features.feature_network import FeatureNetwork
from jaxgan.interop.open_features import open_features
from jaxgan.interop.perceptual import open_perceptual
from jaxgan.training.errors import UserError

log = logging.getLogger("jaxgan")


def feature_network(evaluation: Any, names: Sequence[str]) -> FeatureNetwork | None:
    """The network that a config's ``evaluation`` names, where any score needs one."""
    if not any(name in METRICS for name in names):
        return None
    return open_features(evaluation.features, weights=evaluation.weights, resizer=evaluation.resizer)


def open_distances(names: Sequence[str]) -> dict[str, Distance]:
    """The perceptual distances that scores need, by score.

    Path lengths take LPIPS's VGG where its weights are found on this machine, as published figures do, else the
    offline distance, and their names and stamps say so.

    Raises:
      UserError: where weights are missing.
    """
    found: dict[str, Distance] = {name: open_perceptual(name) for name in names if name in PERCEPTUAL}
    paths = [name for name in names if name in PATHS]
    if paths:
        try:
            distance = open_perceptual("lpips_vgg", download=False)
        except UserError:
            offline = "pd_efficientnet_lite0"
            log.info("%s: no weights of LPIPS's VGG on this machine; by %s instead, and so named", paths[0], offline)
            distance = open_perceptual(offline)
        found |= dict.fromkeys(paths, distance)
    return found


def settings_of(evaluation: Any) -> Settings:
    """The numbers of a config's scores."""
    return Settings(kid_block_size=evaluation.kid_block_size, is_splits=evaluation.is_splits)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Scoring:
    """Protocol of a run's scores, opened once for all of its checkpoints.

    Attributes:
      names: scores.
      network: the features; None where no score needs any.
      settings: the scores' numbers.
      distances: what :func:`open_distances` gives for ``names``.
      source: split -> the run's data.
      data_dir: where the data lies now, if not where the config says.
      class_names: of the classes that the networks were trained on, by number; those of the data where None.
    """

    names: Sequence[str]
    network: FeatureNetwork | None
    settings: Settings
    distances: Mapping[str, Distance]
    source: Callable[[str], Source]
    data_dir: str | None = None
    class_names: tuple[str, ...] | None = None

    def of(self, names: Iterable[str]) -> list[str]:
        """Those of the scores that are among ``names``."""
        wanted = set(names)
        return [name for name in self.names if name in wanted]

    @functools.cached_property
    def _classifiers(self) -> dict[tuple[str, int, int], Callable[[Array], Array]]:
        return {}

    def classifier(self, split: str, *, steps: int, seed: int) -> tuple[Callable[[Array], Array], int]:
        """Logits of images in [-1, 1] by a classifier trained on a split, and how many classes it has.

        Raises:
          UserError: where the data has no labels.
        """
        source = self.source(split)
        if source.num_classes < 2:
            raise UserError(f"separability distinguishes the classes of the data, and {source.name} has none")
        key = (split, steps, seed)
        if key not in self._classifiers:
            got = source.fetch(np.arange(source.length))
            self._classifiers[key] = fit_classifier(
                got["image"], got["label"], num_classes=source.num_classes, steps=steps, seed=seed
            )
        return self._classifiers[key], source.num_classes
