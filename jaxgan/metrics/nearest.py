"""Nearest neighbours of generated images among training images, to see memorising."""

import numpy as np

from jaxgan.metrics.pairwise import check_features, nearest_rows


def nearest(queries: np.ndarray, among: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The k nearest rows of a set for each query, nearest first.

    Args:
      queries: [N, D] float, features (or flattened pixels) of generated images.
      among: [M, D] float, the same of training images.
      k: at most M.

    Returns:
      ``(indices [N, k] int, distances [N, k] float64)``: rows of the set, and Euclidean distances, exactly 0 for a
      copy.

    Raises:
      ValueError: on wrong ranks, unequal D, values that are not finite, or k beyond the set.
    """
    queries, among = check_features(queries=queries, among=among)
    _, indices = nearest_rows(queries, among, k)
    # From the difference, which does not cancel: the search's own distance to a copy is rounding, not 0.
    distances = np.stack(
        [np.linalg.norm(among[i].astype(np.float64) - q.astype(np.float64), axis=1) for q, i in zip(queries, indices)]
    )
    order = np.argsort(distances, axis=1, kind="stable")
    return np.take_along_axis(indices, order, 1), np.take_along_axis(distances, order, 1)
