"""A picture that shows memorising: images beside the training images nearest to them."""

import numpy as np
from jax.sharding import Mesh

from jaxgan.evaluation.collect import Wants, all_images
from jaxgan.evaluation.grids import tile
from jaxgan.evaluation.measure import Subject, statistics
from jaxgan.evaluation.statistics import Statistics
from jaxgan.features.feature_network import FeatureNetwork
from jaxgan.metrics.nearest import nearest
from jaxgan.training.errors import UserError


def neighbour_grid(
    subject: Subject, reference: Subject, bank: Statistics, *, network: FeatureNetwork, mesh: Mesh, k: int = 5
) -> np.ndarray:
    """A row for each image of ``subject``: itself, then the ``k`` of the reference whose features are nearest.

    Args:
      subject: a few images.
      reference: the images to look among.
      bank: its statistics, with features.
      network: the features.
      mesh: the devices.
      k: neighbours.

    Returns:
      uint8 [h, w, C].

    Raises:
      UserError: where the two sets have images of different shapes.
    """
    if subject.images.image_shape != reference.images.image_shape:
        raise UserError(
            f"neighbours are laid side by side, so both sets need one shape: {list(subject.images.image_shape)} and "
            f"{list(reference.images.image_shape)}"
        )
    count = subject.images.length
    queries = all_images(subject.images, mesh=mesh, batch_size=count)
    features = statistics(subject, network, Wants(bank=True), mesh=mesh, batch_size=count).features
    indices, _ = nearest(features, bank.features, k)  # type: ignore[arg-type]
    rows = [np.concatenate([q[None], reference.images.rows(i)["image"]]) for q, i in zip(queries, indices)]
    return tile(np.concatenate(rows), k + 1)
