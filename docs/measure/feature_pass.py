"""Times the Inception feature pass against torch-fidelity's, and samples its memory:
``python docs/measure/feature_pass.py`` (extra ``[bench]``).

Prints a JSON object. Both sides are given the same random uint8 images and random weights. Ours is
``jaxgan.evaluation.collect`` with the resizer tf1, that sums moments as it goes; theirs gives the features alone, and
the mean and covariance of them are not timed.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from extras import require

require("torch", "torch_fidelity", extra="bench")

import torch
from random_inception import save_random
from reference_implementations import Tensors
from torch_fidelity.utils import create_feature_extractor, get_featuresdict_from_dataset

from jaxgan.data.source import Source, image_fields
from jaxgan.evaluation.collect import FeatureRequest, collect, images_of_source
from jaxgan.features.feature_network import FeatureNetwork
from jaxgan.interop.open_features import open_features
from jaxgan.parallel import make_mesh

SHAPE = (32, 32, 3)
ENVIRONMENT = ("XLA_FLAGS", "OMP_NUM_THREADS", "LD_PRELOAD", "MALLOC_ARENA_MAX", "MALLOC_TRIM_THRESHOLD_")
MEBIBYTE = 1 << 20


def _draw(indices: np.ndarray) -> dict[str, np.ndarray]:
    images = [np.random.default_rng(int(i)).integers(0, 256, SHAPE, np.uint8) for i in indices]
    return {"image": np.stack(images), "label": np.zeros(len(indices), np.int32)}


def drawn_source(length: int) -> Source:
    """Random images, each drawn when it is read: none of them is kept."""
    return Source(
        name="drawn",
        length=length,
        fields=image_fields(SHAPE, 1),
        class_names=("all",),
        fetch=_draw,
        in_memory=False,
    )


def _ours(network: FeatureNetwork, source: Source, batch_size: int) -> None:
    collect(network, images_of_source(source), FeatureRequest(pool=True), mesh=make_mesh(), batch_size=batch_size)


def _theirs(extractor: torch.nn.Module, images: np.ndarray, batch_size: int) -> None:
    get_featuresdict_from_dataset(Tensors(images), extractor, batch_size, cuda=False, save_cpu_ram=True, verbose=False)


def _seconds(function: Callable[[], None]) -> tuple[float, float]:
    """By the clock, and of the cores' time."""
    began, of_cores = time.perf_counter(), time.process_time()
    function()
    return time.perf_counter() - began, time.process_time() - of_cores


def speed(
    network: FeatureNetwork, extractor: torch.nn.Module, *, batch_size: int, batches: int, pairs: int
) -> dict[str, Any]:
    """Images/s of both, which take turns so that other work on the machine affects both equally; and by the seconds of
    the cores that each took, on which other work bears less. A ratio is a pair's, ours over theirs, and their median.
    """
    source = drawn_source(batch_size * batches)
    images = source.fetch(np.arange(source.length))["image"]
    sides = (
        lambda: _ours(network, source, batch_size),
        lambda: _theirs(extractor, images, batch_size),
    )
    for side in sides:
        side()
    took = np.array([[_seconds(side) for side in sides] for _ in range(pairs)])
    record: dict[str, Any] = {"batch_size": batch_size, "images": source.length}
    for kind, seconds in (("second", took[..., 0]), ("core_second", took[..., 1])):
        ratios = seconds[:, 1] / seconds[:, 0]
        record[f"images_per_{kind}"] = {
            "jaxgan": round(source.length / statistics.median(seconds[:, 0]), 2),
            "torch_fidelity": round(source.length / statistics.median(seconds[:, 1]), 2),
            "ratio": round(statistics.median(ratios), 2),
            "ratios": [round(float(ratio), 2) for ratio in ratios],
        }
    return record


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def peak_while(function: Callable[[], None], *, every_seconds: float = 0.02) -> int:
    """The most bytes of memory that this process held while ``function`` ran; Linux alone."""
    peak, done = _resident(), threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(every_seconds):
            peak = max(peak, _resident())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        function()
    finally:
        done.set()
        watcher.join()
    return peak


def memory(network: FeatureNetwork, counts: Sequence[int], *, batch_size: int) -> dict[str, Any]:
    """Peaks of passes over ever more images, drawn as they are read; a first pass, which compiles, goes before."""
    _ours(network, drawn_source(2 * batch_size), batch_size)
    record: dict[str, Any] = {"batch_size": batch_size, "before_mebibytes": round(_resident() / MEBIBYTE)}
    for count in counts:
        peak = peak_while(lambda count=count: _ours(network, drawn_source(count), batch_size))
        record[f"peak_mebibytes_{count}_images"] = round(peak / MEBIBYTE)
    return record


def main(arguments: Sequence[str]) -> int:
    """Parses, measures, prints."""
    parser = argparse.ArgumentParser(prog="python docs/measure/feature_pass.py", description=__doc__)
    parser.add_argument("--batch_sizes", default="32,64", help="comma-separated (default 32,64)")
    parser.add_argument("--batches", type=int, default=2, help="batches a timing (default 2)")
    parser.add_argument("--compile", action="store_true", help="torch-fidelity's option feature_extractor_compile")
    parser.add_argument("--pairs", type=int, default=5, help="timings of each side, alternating (default 5)")
    parser.add_argument(
        "--memory", default="500,2000", help="images of the passes whose memory is sampled; '' for none"
    )
    parsed = parser.parse_args(arguments)
    torch.set_num_threads(os.cpu_count() or 1)
    record: dict[str, Any] = {
        "device": jax.devices()[0].device_kind,
        "cores": os.cpu_count(),
        "torch_threads": torch.get_num_threads(),
        "torch_fidelity_compiled": parsed.compile,
        "environment": {name: os.environ[name] for name in ENVIRONMENT if name in os.environ},
    }
    with tempfile.TemporaryDirectory() as folder:
        weights = save_random(Path(folder) / "inception_random.pth")
        network = open_features("inception", weights=weights, resizer="tf1")
        counts = [int(n) for n in parsed.memory.split(",") if n]
        if counts:
            # Before torch allocates anything.
            record["memory"] = memory(network, counts, batch_size=64)
            print(json.dumps(record["memory"]), file=sys.stderr, flush=True)
        extractor = create_feature_extractor(
            "inception-v3-compat",
            ["2048"],
            feature_extractor_weights_path=str(weights),
            feature_extractor_compile=parsed.compile,
            cuda=False,
            verbose=False,
        )
        record["speed"] = []
        for batch_size in [int(n) for n in parsed.batch_sizes.split(",") if n]:
            found = speed(network, extractor, batch_size=batch_size, batches=parsed.batches, pairs=parsed.pairs)
            print(json.dumps(found), file=sys.stderr, flush=True)
            record["speed"].append(found)
    print(json.dumps(record, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
