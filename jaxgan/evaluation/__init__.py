"""Sampling, standing statistics, pictures and scores of trained networks."""

from jaxgan.evaluation.grids import class_grid, interpolation_grid, tile
from jaxgan.evaluation.point_plot import density_plot
from jaxgan.evaluation.points import point_scores, sample_points
from jaxgan.evaluation.sampling import Truncation, balanced_labels, sample_batches, sample_images
from jaxgan.evaluation.stacked_modes import stacked_mode_coverage
from jaxgan.evaluation.standing_statistics import standing_statistics
from jaxgan.evaluation.traversal import code_traversal
from jaxgan.evaluation.tstr import accuracy, train_classifier

__all__ = [
    "Truncation",
    "accuracy",
    "balanced_labels",
    "class_grid",
    "code_traversal",
    "density_plot",
    "interpolation_grid",
    "point_scores",
    "sample_batches",
    "sample_images",
    "sample_points",
    "stacked_mode_coverage",
    "standing_statistics",
    "tile",
    "train_classifier",
]
