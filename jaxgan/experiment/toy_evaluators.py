"""Evaluators of recipes that draw points of a known mixture: modes, distances, divergences, and a picture."""

from collections.abc import Sequence

import jax
import numpy as np
from jax.sharding import Mesh
from ml_collections import ConfigDict

from jaxgan.data import toy_mixture
from jaxgan.evaluation import label_inputs
from jaxgan.evaluation.options import checked_options
from jaxgan.evaluation.point_plot import density_plot
from jaxgan.evaluation.points import EMD_POINTS, point_scores, sample_points
from jaxgan.experiment.drawn_for import LATENT_SEED, STANDING_SEED, prepared_nets
from jaxgan.experiment.score_stamps import sample_stamp, sampling_stamp, stamped
from jaxgan.training.errors import UserError
from jaxgan.training.method import Evaluator, Method, Result
from jaxgan.training.state import Variables

POINT_SCORES = ("modes", "high_quality", "emd", "mode_kl", "js")


def toy_evaluators(method: Method, config: ConfigDict, *, mesh: Mesh, ema: bool) -> Sequence[Evaluator]:
    """``evaluation.num_points`` samples over the mixture's density as a picture, and their scores: ``eval/modes``,
    modes with a high-quality sample; ``eval/high_quality``, the share within 3 standard deviations of a mode;
    ``eval/emd``, the exact earth mover's distance to fresh true samples; ``eval/mode_kl``, how far the modes' shares
    are from equal; ``eval/js``, the Jensen-Shannon divergence of binned samples to the exact masses.

    Args:
      method, config: of the experiment.
      mesh: the devices.
      ema: whether averages are among the networks that are scored, for stamps.

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
        ready = prepared_nets(method, nets, evaluation, seed=seed + STANDING_SEED, mesh=mesh, step=step)
        inputs = label_inputs(evaluation.num_points, method.num_classes)
        rng = jax.random.key(seed + LATENT_SEED)
        points = sample_points(method, ready, inputs, rng=rng, mesh=mesh, batch_size=evaluation.batch_size, step=step)
        scores = point_scores(points, mixture, np.random.default_rng(seed + LATENT_SEED))
        stamp = {
            **sample_stamp(config, len(points)),
            **sampling_stamp(
                config, method, step=step, ema=ema, seed=seed + LATENT_SEED, options=checked_options(method, {})
            ),
            "reference": data.name,
        }
        settings = {"emd_points": min(EMD_POINTS, len(points))}
        found: dict[str, Result] = {}
        found |= stamped({f"eval/{name}": value for name, value in scores.items()}, stamp, settings)
        return found | {"samples": density_plot(points, mixture)}

    return [Evaluator("points", run, evaluation.every_steps, POINT_SCORES)]
