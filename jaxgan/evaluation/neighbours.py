"""Nearest-neighbour pictures, which show memorising: images next to the training images nearest to them."""

import numpy as np
from jax.sharding import Mesh

from jaxgan.evaluation.collect import FeatureRequest, all_images
from jaxgan.evaluation.eval_set import EvalSet
from jaxgan.evaluation.grids import tile
from jaxgan.evaluation.score import statistics
from jaxgan.evaluation.statistics import Statistics
from jaxgan.features.feature_network import FeatureNetwork
from jaxgan.metrics.nearest import nearest
from jaxgan.training.errors import UserError


def neighbour_grid(
    eval_set: EvalSet, reference: EvalSet, held: Statistics, *, network: FeatureNetwork, mesh: Mesh, k: int = 5
) -> np.ndarray:
    """A row for each image of ``eval_set``: itself, then the ``k`` of the reference whose features are nearest.

    Args:
      eval_set: a few images.
      reference: the images to look among.
      held: its statistics, with features.
      network: the features.
      mesh: the devices.
      k: neighbours.

    Returns:
      uint8 [h, w, C].

    Raises:
      UserError: where the two sets have images of different shapes.
    """
    if eval_set.images.image_shape != reference.images.image_shape:
        raise UserError(
            f"neighbours are laid side by side, so both sets need one shape: {list(eval_set.images.image_shape)} and "
            f"{list(reference.images.image_shape)}"
        )
    count = eval_set.images.length
    queries = all_images(eval_set.images, mesh=mesh, batch_size=count)
    features = statistics(eval_set, network, FeatureRequest(features=True), mesh=mesh, batch_size=count).features
    indices, _ = nearest(features, held.features, k)  # type: ignore[arg-type]
    rows = [np.concatenate([q[None], reference.images.rows(i)["image"]]) for q, i in zip(queries, indices)]
    return tile(np.concatenate(rows), k + 1)
