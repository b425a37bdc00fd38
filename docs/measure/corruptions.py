"""Draws how far the offline distances move as real images are spoilt:
``python docs/measure/corruptions.py --data_dir=DIR --out=PNG`` (extras ``[features,plots]``).

A distance that ranks generators must first rank damage whose order is known (Heusel et al. 2017, arXiv:1706.08500,
figure 3, do this for FID). Prints fd_efficientnet_lite0 and kid_efficientnet_lite0 of real images, blurred, noisy,
compressed or robbed of classes, against other real images that are untouched.
"""

import argparse
import io
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy.ndimage
from PIL import Image

from jaxgan.data.image_set import open_images
from jaxgan.data.source import in_memory
from jaxgan.evaluation.collect import FeatureRequest, collect, images_of_source
from jaxgan.evaluation.eval_set import eval_set_of
from jaxgan.evaluation.feature_scores import Settings, reference_request, scores_of
from jaxgan.evaluation.score import reference_statistics
from jaxgan.evaluation.statistics import Statistics
from jaxgan.features.feature_network import FeatureNetwork
from jaxgan.interop.open_features import open_features
from jaxgan.parallel import make_mesh

METRICS = ("fd", "kid")


def blur(images: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur of uint8 images [N, H, W, C] by ``sigma`` pixels, edges mirrored."""
    smooth = scipy.ndimage.gaussian_filter(images.astype(np.float32), (0, sigma, sigma, 0))
    return np.clip(np.rint(smooth), 0, 255).astype(np.uint8)


def noise(images: np.ndarray, sigma: float) -> np.ndarray:
    """Adds Gaussian noise of deviation ``sigma`` (of 255), one draw scaled, to uint8 images [N, H, W, C]; clips."""
    draw = np.random.default_rng(0).standard_normal(images.shape, np.float32)
    return np.clip(np.rint(images + np.float32(sigma) * draw), 0, 255).astype(np.uint8)


def jpeg(images: np.ndarray, quality: float) -> np.ndarray:
    """uint8 RGB images [N, H, W, 3] through Pillow's JPEG at ``quality`` in 1 ... 95, chroma halved (4:2:0).

    Blocks begin four pixels outside the image (edges repeated). On the blocks of images that were JPEG before, the
    damage would not grow as quality falls: quality 75 twice changes almost nothing, and 50 after 75 more than 40,
    because its steps are the double of the old ones.
    """
    edge = 4

    def through(image: np.ndarray) -> np.ndarray:
        file = io.BytesIO()
        Image.fromarray(image).save(file, "JPEG", quality=int(quality), subsampling="4:2:0")
        return np.asarray(Image.open(file))[edge:-edge, edge:-edge]

    return np.stack([through(image) for image in np.pad(images, ((0, 0), (edge,) * 2, (edge,) * 2, (0, 0)), "edge")])


def of_classes(labels: np.ndarray, classes: int, count: int) -> np.ndarray:
    """Rows of ``count`` images spread evenly over the first ``classes`` classes: int [count], sorted by class.

    Args:
      labels: int [N].
      classes: labels 0 ... classes - 1 are kept.
      count: rows wanted; of each class its first ones are taken, so that choices of equal ``count`` are nested.

    Raises:
      ValueError: where a class has too few images.
    """
    shares = count // classes + (np.arange(classes) < count % classes)
    found = [np.flatnonzero(labels == label) for label in range(classes)]
    for label, (rows, share) in enumerate(zip(found, shares)):
        if len(rows) < share:
            raise ValueError(
                f"class {label} has {len(rows)} images, and {count} images of {classes} classes need {share} of it; "
                "lower --num_images or give more --images"
            )
    return np.concatenate([rows[:share] for rows, share in zip(found, shares)])


class Sweep(NamedTuple):
    """A way to spoil images.

    Attributes:
      title: what it does.
      unit: what its strengths are.
      strengths: from the untouched images to the worst; the first is not applied.
      apply: (images, strength) -> images.
    """

    title: str
    unit: str
    strengths: tuple[float, ...]
    apply: Callable[[np.ndarray, float], np.ndarray]


SWEEPS = {
    "blur": Sweep("Gaussian blur", "sigma, pixels", (0, 0.5, 0.75, 1, 2), blur),
    "noise": Sweep("Gaussian noise", "sigma, of 255", (0, 4, 8, 16, 32), noise),
    "jpeg": Sweep("JPEG again", "quality (100: not again)", (100, 60, 30, 15, 5), jpeg),
}
KEPT_CLASSES = (10, 8, 6, 4, 2, 1)
TITLES = {name: (sweep.title, sweep.unit) for name, sweep in SWEEPS.items()}
TITLES["classes"] = ("Classes dropped", "classes kept, as many images")

Sets = Mapping[str, Mapping[float, np.ndarray]]


def class_choices(labels: np.ndarray, count: int) -> dict[float, np.ndarray]:
    """Number of classes kept -> rows int [count] of labels int [N], as :func:`of_classes` chooses them."""
    return {float(classes): of_classes(labels, classes, count) for classes in KEPT_CLASSES}


def spoilt_sets(real: np.ndarray) -> dict[str, dict[float, np.ndarray]]:
    """Corruption -> strength -> images, of uint8 images [N, H, W, 3]; the untouched ones are not among them."""
    return {name: {s: sweep.apply(real, s) for s in sweep.strengths[1:]} for name, sweep in SWEEPS.items()}


class Scorer(NamedTuple):
    """Both distances of features from one reference set's.

    Attributes:
      network: gives the features.
      reference: statistics with moments and features.
      settings: of the kernel distance.
      batch_size: images a dispatch.
    """

    network: FeatureNetwork
    reference: Statistics
    settings: Settings
    batch_size: int

    def features(self, images: np.ndarray) -> np.ndarray:
        """uint8 [N, H, W, C] -> float32 [N, D]."""
        source = images_of_source(in_memory(images, np.zeros(len(images), np.int32)))
        found = collect(
            self.network, source, FeatureRequest(features=True), mesh=make_mesh(), batch_size=self.batch_size
        )
        assert found.features is not None
        return found.features

    def scores(self, features: np.ndarray) -> dict[str, float]:
        """Features [N, D] -> {'fd_...': ..., 'kid_...': ...}."""
        rows = features.astype(np.float64)
        own = Statistics(len(rows), mu=rows.mean(0), sigma=np.cov(rows, rowvar=False), features=features)
        found = scores_of(METRICS, own, self.reference, network=self.network, settings=self.settings, stamp={})
        return {name: score.value for name, score in found.items()}


def measure(
    scorer: Scorer, pool: np.ndarray, choices: Mapping[float, np.ndarray], spoilt: Sets, tell: Callable[[str], None]
) -> list[dict[str, Any]]:
    """Scores every set.

    Args:
      scorer: the distances.
      pool: images [N, H, W, C].
      choices: number of classes kept -> rows of ``pool``; the first is the untouched set.
      spoilt: corruption -> strength -> images.
      tell: is given a line for each score as it is known.

    Returns:
      A list of {corruption, strength, fd_..., kid_...}; of each corruption the untouched set comes first.
    """
    points: list[dict[str, Any]] = []

    def add(corruption: str, strength: float, values: dict[str, float]) -> None:
        points.append({"corruption": corruption, "strength": strength, **values})
        tell(f"{corruption:8} {strength:6g}  " + "  ".join(f"{k} {v:9.5f}" for k, v in values.items()))

    bank = scorer.features(pool)
    for kept, rows in choices.items():
        add("classes", kept, scorer.scores(bank[rows]))
    untouched = {k: v for k, v in points[0].items() if k not in ("corruption", "strength")}
    for corruption, by_strength in spoilt.items():
        add(corruption, SWEEPS[corruption].strengths[0], untouched)
        for strength, images in by_strength.items():
            add(corruption, strength, scorer.scores(scorer.features(images)))
    return points


def draw(record: Mapping[str, Any], sets: Sets, out: str, *, rows: int = 3) -> None:
    """Writes a PNG: for each corruption both distances over its strength, and above each strength what it leaves."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    points = record["points"]
    fd, kid = (name for name in points[0] if name not in ("corruption", "strength"))
    figure, grid = plt.subplots(2, len(sets), figsize=(4 * len(sets), 5.2), height_ratios=(3, 4), sharex="col")
    for (above, below), (corruption, by_strength) in zip(grid.T, sets.items()):
        own = [point for point in points if point["corruption"] == corruption]
        places = np.arange(len(own))
        for place, images in enumerate(by_strength.values()):
            shown = images[np.linspace(0, len(images) - 1, rows + 2).astype(int)[1:-1]]
            for row, image in enumerate(shown):
                above.imshow(image, extent=(place - 0.46, place + 0.46, -row - 0.46, -row + 0.46))
        above.set(xlim=(-0.5, len(own) - 0.5), ylim=(0.5 - rows, 0.5), aspect="equal", anchor="S")
        title, unit = TITLES[corruption]
        above.set_title(title, fontsize=10)
        above.axis("off")
        below.set_xticks(places, [f"{point['strength']:g}" for point in own])
        below.set_xlabel(unit)
        kernel = below.twinx()
        for axes, name, style, colour in ((below, fd, "o-", "C0"), (kernel, kid, "s--", "C1")):
            values = [point[name] for point in own]
            axes.plot(places, values, style, color=colour, markersize=5)
            # An unbiased estimate may lie a little below zero.
            axes.set_ylim(-0.03 * max(values), 1.08 * max(values))
            axes.tick_params(axis="y", labelcolor=colour)
    grid[1, 0].set_ylabel(fd, color="C0")
    kernel.set_ylabel(kid, color="C1")
    title = f"{record['num_images']:,} of {record['images']}, spoilt, against {record['num_reference']:,} others"
    lossy = " (this copy of CIFAR-10 was lossy JPEG before; not comparable with published figures)"
    figure.suptitle(title + lossy * ("tfds:cifar10" in record["images"]), fontsize=10)
    figure.tight_layout()
    figure.savefig(out, dpi=100)


def main(arguments: Sequence[str]) -> int:
    """Parses, spoils, measures, draws, prints."""
    parser = argparse.ArgumentParser(prog="python docs/measure/corruptions.py", description=__doc__)
    parser.add_argument("--data_dir", help="where TFDS sets lie")
    parser.add_argument("--images", default="tfds:cifar10:test+train[80%:]", help="a labelled set, to be spoilt")
    parser.add_argument("--against", default="tfds:cifar10:train[:80%]", help="a set that shares no image with it")
    parser.add_argument("--num_images", type=int, default=1300, help="of every spoilt set (default 1300)")
    parser.add_argument("--num_reference", type=int, default=2000, help="of the other (default 2000)")
    parser.add_argument("--batch_size", type=int, default=16, help="images a dispatch (default 16)")
    parser.add_argument("--out", help="a PNG to draw (extra [plots])")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parsed = parser.parse_args(arguments)
    began = time.perf_counter()
    eval_set = eval_set_of(open_images(parsed.images, data_dir=parsed.data_dir))
    against = eval_set_of(open_images(parsed.against, data_dir=parsed.data_dir), parsed.num_reference)
    if eval_set.images.labels is None:
        parser.error(f"--images={parsed.images} has no labels, by which classes are dropped")
    choices = class_choices(eval_set.images.labels, parsed.num_images)
    # Only what some choice needs is read, and each image once.
    wanted, places = np.unique(np.stack(list(choices.values())), return_inverse=True)
    pool = eval_set.images.rows(wanted)["image"]
    choices = dict(zip(choices, places.reshape(len(choices), -1)))
    spoilt = spoilt_sets(pool[choices[KEPT_CLASSES[0]]])

    network = open_features("efficientnet_lite0")
    settings = Settings(kid_blocks=10, kid_block_size=min(1000, parsed.num_images, parsed.num_reference))
    reference = reference_statistics(
        against, network, reference_request(METRICS), mesh=make_mesh(), batch_size=parsed.batch_size
    )
    scorer = Scorer(network, reference, settings, parsed.batch_size)
    progress = sys.stderr if parsed.json else sys.stdout
    points = measure(scorer, pool, choices, spoilt, lambda line: print(line, file=progress, flush=True))
    record = {
        "images": f"{eval_set.stamp['data']}:{eval_set.stamp['split']}",
        "num_images": parsed.num_images,
        "reference": f"{against.stamp['data']}:{against.stamp['split']}",
        "num_reference": parsed.num_reference,
        "version": eval_set.stamp["version"],
        "network_sha256": network.digest,
        "resizer": network.resizer,
        "kid": f"{settings.kid_blocks} blocks of {settings.kid_block_size}",
        "seconds": round(time.perf_counter() - began),
        "points": points,
    }
    if parsed.out:
        real = pool[choices[KEPT_CLASSES[0]]]
        sets = {name: {SWEEPS[name].strengths[0]: real, **by_strength} for name, by_strength in spoilt.items()}
        draw(record, {**sets, "classes": {kept: pool[rows] for kept, rows in choices.items()}}, parsed.out)
    if parsed.json:
        print(json.dumps(record, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
