"""The scores and pictures of recipes that draw points of a known mixture."""

from collections.abc import Sequence

import jax
import numpy as np
from jax.sharding import Mesh
from ml_collections import ConfigDict

from jaxgan.data import toy_mixture
from jaxgan.evaluation import balanced_labels
from jaxgan.evaluation.point_plot import density_plot
from jaxgan.evaluation.points import EMD_POINTS, point_scores, sample_points
from jaxgan.experiment.scores import (
    LATENT_SEED,
    STANDING_SEED,
    prepared_nets,
    sample_stamp,
    sampling_stamp,
    stamped,
)
from jaxgan.training.errors import UserError
from jaxgan.training.method import Evaluator, Method, Result
from jaxgan.training.state import Variables


def toy_evaluators(method: Method, config: ConfigDict, *, mesh: Mesh) -> Sequence[Evaluator]:
    """``evaluation.num_points`` samples over the mixture's density as a picture, and their scores: ``eval/modes``,
    modes with a high-quality sample; ``eval/high_quality``, the share within 3 standard deviations of a mode;
    ``eval/emd``, the exact earth mover's distance to fresh true samples; ``eval/mode_kl``, how far the modes' shares
    are from equal; ``eval/js``, the Jensen-Shannon divergence of binned samples to the exact masses.

    Raises:
      UserError: where the config asks for scores of images.
    """
    evaluation, data, seed = config.evaluation, config.data, config.seed
    if evaluation.metrics or evaluation.tstr:
        raise UserError(
            f"{data.name} draws points: evaluation.metrics={evaluation.metrics!r} and evaluation.tstr="
            f"{evaluation.tstr} are of images; leave them empty, the scores of points are always computed"
        )
    mixture = toy_mixture(data.name.removeprefix("toy:"))

    def run(nets: dict[str, Variables], step: int) -> dict[str, Result]:
        ready = prepared_nets(method, nets, evaluation, seed=seed + STANDING_SEED, mesh=mesh)
        labels = balanced_labels(evaluation.num_points, method.num_classes)
        rng = jax.random.key(seed + LATENT_SEED)
        points = sample_points(method, ready, labels, rng=rng, mesh=mesh, batch_size=evaluation.batch_size)
        scores = point_scores(points, mixture, np.random.default_rng(seed + LATENT_SEED))
        stamp = {
            **sample_stamp(config, len(points)),
            **sampling_stamp(config, step=step, ema=True, seed=seed + LATENT_SEED),
            "reference": data.name,
        }
        settings = {"emd_points": min(EMD_POINTS, len(points))}
        found: dict[str, Result] = {}
        found |= stamped({f"eval/{name}": value for name, value in scores.items()}, stamp, settings)
        return found | {"samples": density_plot(points, mixture)}

    return [Evaluator("points", run, evaluation.every_steps)]
