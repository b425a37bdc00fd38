"""Points drawn from networks that were trained on toys, and their scores against the density that is known."""

from typing import Any

import numpy as np

from jaxgan.data import Mixture
from jaxgan.evaluation.inputs import SampleInputs
from jaxgan.evaluation.sampling import sample_images
from jaxgan.metrics import earth_movers_distance, js_divergence, mode_kl, mode_scores
from jaxgan.training.method import Method
from jaxgan.training.state import Variables

# Exact assignment took 0.1 to 0.6 s of so many points, and 1.3 s of 2,500, on one CPU core.
EMD_POINTS = 1000


def sample_points(
    method: Method, nets: dict[str, Variables], inputs: SampleInputs, *, batch_size: int = 1024, **options: Any
) -> np.ndarray:
    """A point for each input: float32 [N, 2].

    As :func:`jaxgan.evaluation.sample_images`, with its options, for a method whose samples are {'point': [B, 2]}:
    point i comes from ``fold_in(rng, i)``, whatever the batch size and the mesh.
    """
    return sample_images(method, nets, inputs, batch_size=batch_size, key="point", **options).astype(np.float32)


def point_scores(
    points: np.ndarray, mixture: Mixture, rng: np.random.Generator, *, emd_points: int = EMD_POINTS
) -> dict[str, float]:
    """Scores of generated points.

    Args:
      points: [N, 2] float.
      mixture: the truth.
      rng: draws the true points that the earth mover's distance compares with.
      emd_points: the first so many points are compared, with as many true ones; all where there are fewer.

    Returns:
      'modes' and 'high_quality' (:func:`jaxgan.metrics.mode_scores`), 'mode_kl' and 'js' in nats
      (:func:`jaxgan.metrics.js_divergence`), and 'emd', the mean distance of the cheapest assignment. The true points
      themselves have no emd of 0: two draws of one distribution differ. Where a point is not finite, as of a training
      that has failed, 'emd' and 'mode_kl' are infinite.
    """
    modes, high_quality = mode_scores(points, mixture.means, mixture.std)
    js = js_divergence(points, mixture.means, mixture.std)
    scores = {"modes": float(modes), "high_quality": high_quality, "emd": np.inf, "mode_kl": np.inf, "js": js}
    if np.isfinite(points).all():
        compared = points[:emd_points]
        true, _ = mixture.sample(rng, len(compared))
        scores |= {"emd": earth_movers_distance(compared, true), "mode_kl": mode_kl(points, mixture.means)}
    return scores
