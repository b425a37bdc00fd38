"""Maximum likelihood on the toys, the baseline that is no GAN: ``python docs/measure/toy_baseline.py``.

A mixture with as many Gaussians as the data has is fitted by expectation maximisation (scikit-learn's
``GaussianMixture``, means started by k-means++), and scored as generators are: modes, high quality and divergences of
points drawn from it, and the mean log density of points that it was not fitted to. The scores of the true density stand
in the next line: those of a perfect generator, up to chance. Steps are those of the best start, seconds those of all.
"""

import argparse
import sys
import time
from collections.abc import Sequence

import numpy as np
from sklearn.mixture import GaussianMixture

from jaxgan.data import Mixture, toy_mixture
from jaxgan.evaluation import point_scores

SCORES = ("modes", "high_quality", "emd", "mode_kl", "js", "log_likelihood")


def baseline(mixture: Mixture, *, num_points: int, restarts: int, seed: int) -> dict[str, dict[str, float]]:
    """Scores of 'em', fitted to ``num_points`` points, and of the 'truth', each from as many points."""
    rng = np.random.default_rng(seed)
    (train, _), (held_out, _), (true, _) = (mixture.sample(rng, num_points) for _ in range(3))
    em = GaussianMixture(
        len(mixture.means), tol=1e-5, max_iter=1000, n_init=restarts, init_params="k-means++", random_state=seed
    )
    began = time.perf_counter()
    em.fit(train)
    seconds = time.perf_counter() - began
    drawn = rng.permutation(em.sample(num_points)[0])  # It draws component by component.
    found = {
        "em": point_scores(drawn.astype(np.float32), mixture, np.random.default_rng(seed)),
        "truth": point_scores(true, mixture, np.random.default_rng(seed)),
    }
    found["em"]["log_likelihood"] = float(em.score(held_out))
    found["truth"]["log_likelihood"] = float(mixture.log_density(held_out).mean())
    found["em"] |= {"seconds": seconds, "steps": em.n_iter_}
    return found


def main(arguments: Sequence[str]) -> int:
    """Parses, fits, prints."""
    parser = argparse.ArgumentParser(prog="python docs/measure/toy_baseline.py", description=__doc__)
    parser.add_argument("--mixtures", default="ring8,grid25", help="comma-separated (default ring8,grid25)")
    parser.add_argument("--num_points", type=int, default=10_000, help="to fit and to score (default 10000)")
    parser.add_argument("--restarts", type=int, default=3, help="starts of each fit (default 3)")
    parser.add_argument("--seed", type=int, default=0, help="of everything (default 0)")
    parsed = parser.parse_args(arguments)
    print("mixture", "density", *SCORES, "steps", "seconds", sep="\t")
    for name in parsed.mixtures.split(","):
        found = baseline(toy_mixture(name), num_points=parsed.num_points, restarts=parsed.restarts, seed=parsed.seed)
        for density, scores in found.items():
            cells = [f"{scores[key]:.4g}" for key in SCORES]
            effort = [f"{scores[key]:.3g}" if key in scores else "" for key in ("steps", "seconds")]
            print(name, density, *cells, *effort, sep="\t", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
