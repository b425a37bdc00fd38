"""Compares scores with torch-fidelity's, pytorch-fid's and clean-fid's, on real images and the same weights:
``python docs/measure/reference_scores.py --data_dir=DIR`` (extra ``[bench]``).

Prints a table, and exits with 1 where a score is further off than its tolerance. Weights are random, and also those
given or, where they lie on this machine, the published ones.
"""

import argparse
import importlib.metadata
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from extras import require
from jax.sharding import Mesh

require("torch", "torch_fidelity", "pytorch_fid", "cleanfid", extra="bench")

from random_inception import save_random
from reference_implementations import (
    ImagePair,
    clean_fid_score,
    image_pair,
    pytorch_fid_score,
    torch_fidelity_neighbours,
    torch_fidelity_scores,
)

from jaxgan.data.image_set import open_images
from jaxgan.evaluation.eval_set import EvalSet, eval_set_of
from jaxgan.evaluation.feature_scores import Settings, request_of, scores_of
from jaxgan.evaluation.score import statistics
from jaxgan.evaluation.statistics import Statistics
from jaxgan.interop.open_features import open_features
from jaxgan.interop.weights import FID_INCEPTION, find_weights
from jaxgan.parallel import make_mesh
from jaxgan.training.errors import UserError

# Relative; 0 asks for equality.
TOLERANCES = {"fd": 1e-3, "kid": 1e-4, "is": 1e-4, "precision": 0.0, "recall": 0.0}
REFERENCES = {"tf1": "torch-fidelity", "torch": "pytorch-fid", "clean": "clean-fid"}
PACKAGES = (
    "jaxgan",
    "jax",
    "jaxlib",
    "numpy",
    "scipy",
    "pillow",
    "torch",
    "torch-fidelity",
    "pytorch-fid",
    "clean-fid",
)


class Row(NamedTuple):
    """A score by us and by a reference, on weights and a resizer."""

    weights: str
    resizer: str
    reference: str
    score: str
    ours: float
    theirs: float
    tolerance: float

    @property
    def difference(self) -> float:
        """Relative."""
        return abs(self.ours - self.theirs) / abs(self.theirs) if self.theirs else abs(self.ours)

    @property
    def ok(self) -> bool:
        """Whether within the tolerance; NaN never is."""
        return self.difference <= self.tolerance

    def __str__(self) -> str:
        difference = f"{self.difference:.1e}" if self.difference else "0"
        cells = (self.weights, self.resizer, self.reference, self.score, f"{self.ours:.9g}", f"{self.theirs:.9g}")
        return "| " + " | ".join((*cells, difference, f"{self.tolerance:g}", "yes" if self.ok else "NO")) + " |"


HEADER = (
    "| weights | resizer | reference | score | ours | theirs | relative difference | tolerance | ok |\n"
    "|---|---|---|---|---|---|---|---|---|"
)


def our_scores(
    sets: Sequence[EvalSet], weights: Path, resizer: str, names: Sequence[str], settings: Settings, parsed: Any
) -> tuple[dict[str, float], tuple[Statistics, Statistics]]:
    """Scores of the first set against the second, as ``jaxgan evaluate`` has them, and what they were made from."""
    network = open_features("inception", weights=weights, resizer=resizer)
    mesh: Mesh = make_mesh()
    request = request_of(names, settings)
    first, second = (statistics(s, network, request, mesh=mesh, batch_size=parsed.batch_size) for s in sets)
    found = scores_of(names, first, second, network=network, settings=settings, stamp={})
    return {name: score.value for name, score in zip(names, found.values())}, (first, second)


def compare(
    sets: Sequence[EvalSet], pair: ImagePair, label: str, weights: Path, resizer: str, parsed: Any
) -> list[Row]:
    """Every score that ``resizer``'s reference has."""
    settings = Settings(kid_block_size=min(Settings.kid_block_size, parsed.num_images))
    names = list(TOLERANCES) if resizer == "tf1" else ["fd"]
    reference = REFERENCES[resizer]
    ours, (first, second) = _timed(
        f"jaxgan, {resizer}", lambda: our_scores(sets, weights, resizer, names, settings, parsed)
    )
    batch_size = parsed.batch_size
    run: dict[str, Callable[[], dict[str, float]]] = {
        "tf1": lambda: torch_fidelity_scores(
            pair, weights, batch_size=batch_size, kid_subset_size=settings.kid_block_size
        ),
        "torch": lambda: {"fd": pytorch_fid_score(pair, weights, batch_size=batch_size)},
        "clean": lambda: {"fd": clean_fid_score(pair, weights, batch_size=batch_size)},
    }
    theirs = _timed(reference, run[resizer])
    rows = [Row(label, resizer, reference, n, ours[n], theirs[n], TOLERANCES[n]) for n in names]
    if resizer == "tf1" and first.features is not None and second.features is not None:
        # Except for the features' rounding: a neighbour is one or is not.
        for kind, dtype in (("float32", np.float32), ("float64", np.float64)):
            same = torch_fidelity_neighbours(first.features.astype(dtype), second.features.astype(dtype))
            rows += [
                Row(label, resizer, f"{reference}, our features, {kind}", n, ours[n], same[n], TOLERANCES[n])
                for n in ("precision", "recall")
            ]
    return rows


def _timed(what: str, function: Callable[[], Any]) -> Any:
    began = time.perf_counter()
    found = function()
    print(f"{what}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    return found


def weights_to_compare(given: str | None, where: Path) -> dict[str, Path]:
    """Label -> file: random weights, and those given or, where they are found, the published ones."""
    found = {"random": save_random(where / "inception_random.pth")}
    if given is not None:
        return {**found, Path(given).name: find_weights(FID_INCEPTION, given)}
    try:
        return {**found, "published": find_weights(FID_INCEPTION, download=False)}
    except UserError as error:
        print(f"random weights alone: {str(error).splitlines()[0]}", file=sys.stderr)
        return found


def main(arguments: Sequence[str]) -> int:
    """Parses, compares, prints; 1 where a tolerance fails."""
    parser = argparse.ArgumentParser(prog="python docs/measure/reference_scores.py", description=__doc__)
    parser.add_argument("--first", default="tfds:cifar10:test", help="images that are scored: a folder, .npz, tfds:...")
    parser.add_argument("--second", default="tfds:tiny_imagenet100:test", help="images they are scored against")
    parser.add_argument("--data_dir", help="where TFDS sets lie")
    parser.add_argument("--image_size", type=int, default=32, help="pixels a side (default 32); 0: as they are")
    parser.add_argument("--num_images", type=int, default=2000, help="images of each set (default 2000)")
    parser.add_argument("--batch_size", type=int, default=50)
    parser.add_argument("--resizers", default=",".join(REFERENCES), help="of tf1,torch,clean (default: all)")
    parser.add_argument("--weights", metavar="PATH", help="weights to compare with besides random ones, .pth")
    parsed = parser.parse_args(arguments)
    unknown = set(parsed.resizers.split(",")) - REFERENCES.keys()
    if unknown:
        parser.error(f"--resizers={parsed.resizers}: choose from {', '.join(REFERENCES)}")
    size = (parsed.image_size, parsed.image_size) if parsed.image_size else None
    sets = [
        eval_set_of(open_images(name, image_size=size, data_dir=parsed.data_dir), parsed.num_images)
        for name in (parsed.first, parsed.second)
    ]
    print(", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES))
    print(f"XLA_FLAGS={os.environ.get('XLA_FLAGS', '')}")
    for eval_set in sets:
        print(" ".join(f"{field}={value}" for field, value in eval_set.stamp.items()))
    print(f"\n{HEADER}", flush=True)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        arrays = [s.images.rows(np.arange(s.images.length))["image"] for s in sets]
        pair = image_pair(arrays, Path(folder))
        for label, weights in weights_to_compare(parsed.weights, Path(folder)).items():
            for resizer in parsed.resizers.split(","):
                found = compare(sets, pair, label, weights, resizer, parsed)
                print("\n".join(map(str, found)), flush=True)
                rows += found
    return 0 if all(row.ok for row in rows) else 1


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except UserError as error:
        sys.exit(f"reference_scores: {error}")
