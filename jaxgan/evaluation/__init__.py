"""Sampling, standing statistics, pictures and scores of trained networks."""

from jaxgan.evaluation.grids import class_grid, interpolation_grid, tile
from jaxgan.evaluation.inputs import SampleInputs, balanced_labels, inputs_of_labels, label_inputs, source_inputs
from jaxgan.evaluation.point_plot import density_plot
from jaxgan.evaluation.points import point_scores, sample_points
from jaxgan.evaluation.sampling import sample_batches, sample_images
from jaxgan.evaluation.stacked_modes import stacked_mode_coverage
from jaxgan.evaluation.standing_statistics import standing_statistics
from jaxgan.evaluation.traversal import code_traversal
from jaxgan.evaluation.tstr import accuracy, train_classifier

__all__ = [
    "SampleInputs",
    "accuracy",
    "balanced_labels",
    "class_grid",
    "code_traversal",
    "density_plot",
    "inputs_of_labels",
    "interpolation_grid",
    "label_inputs",
    "point_scores",
    "sample_batches",
    "sample_images",
    "sample_points",
    "source_inputs",
    "stacked_mode_coverage",
    "standing_statistics",
    "tile",
    "train_classifier",
]
