"""EfficientNet-Lite0's distances know damage when they see it: real images, spoilt more and more, move away."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from corruptions import METRICS, SWEEPS, Scorer, of_classes

from jaxgan.data import in_memory
from jaxgan.data.image_set import open_images
from jaxgan.evaluation.collect import images_of_source
from jaxgan.evaluation.eval_set import EvalSet
from jaxgan.evaluation.feature_scores import Settings, reference_request
from jaxgan.evaluation.score import score, statistics
from jaxgan.features.efficientnet_lite_weights import find_efficientnet_lite0
from jaxgan.features.feature_network import FeatureNetwork
from jaxgan.interop.open_features import open_features
from jaxgan.metrics.frechet import frechet_of_rows
from jaxgan.metrics.kernel import kernel_distance
from jaxgan.parallel import make_mesh

COUNT, BATCH = 100, 20
KEPT = (10, 4, 2, 1)


@pytest.fixture(scope="module")
def features():
    try:
        find_efficientnet_lite0()
    except FileNotFoundError as missing:
        pytest.skip(str(missing))
    network = open_features("efficientnet_lite0")
    # The level that conftest sets for all programs makes this one, which computes more than it compiles, slow.
    run = jax.jit(
        lambda images: network.apply(network.variables, images)["pool"],
        compiler_options={"xla_backend_optimization_level": 2},
    )

    def of(images):
        assert len(images) % BATCH == 0
        return np.concatenate([np.asarray(run(part)) for part in np.split(images, len(images) // BATCH)])

    return of


@pytest.fixture(scope="module")
def reference(tfds_dir, features):
    """Features of images of the other split, which are in no scored set."""
    return features(open_images("tfds:cifar10:train", data_dir=tfds_dir).source.fetch(np.arange(COUNT))["image"])


@pytest.fixture(scope="module")
def pool(tfds_dir):
    return open_images("tfds:cifar10:test", data_dir=tfds_dir).source.fetch(np.arange(1200))


@pytest.fixture(scope="module")
def real(pool):
    return pool["image"][of_classes(pool["label"], KEPT[0], COUNT)]


@pytest.fixture(scope="module")
def untouched(features, real):
    return features(real)


def check_growth(sets, reference):
    """Both distances grow from each set to the next: the first, real against real, is the smallest."""
    fd = [frechet_of_rows(x, reference) for x in sets]
    kid = [kernel_distance(x, reference, blocks=1, block_size=COUNT).mean for x in sets]
    assert np.all(np.diff(fd) > 0), fd
    assert np.all(np.diff(kid) > 0), kid


@pytest.mark.slow
@pytest.mark.parametrize("corruption", SWEEPS)
def test_distances_grow_with_damage(corruption, features, real, untouched, reference):
    """The weakest damage of the benchmark is left out: at 100 images it drowns in the bias of the Fréchet distance."""
    sweep = SWEEPS[corruption]
    check_growth([untouched, *(features(sweep.apply(real, s)) for s in sweep.strengths[2:])], reference)


@pytest.mark.slow
def test_distances_grow_as_classes_drop(features, pool, reference):
    """Of ten classes, four, two and one are left; at 100 images the loss of two or four is not to be seen by KID."""
    choices = np.stack([of_classes(pool["label"], kept, COUNT) for kept in KEPT])
    rows, places = np.unique(choices, return_inverse=True)
    bank = features(pool["image"][np.resize(rows, -(-len(rows) // BATCH) * BATCH)])
    check_growth(bank[places.reshape(choices.shape)], reference)


def test_class_choices_are_even_and_nested():
    labels = np.random.default_rng(0).integers(0, 4, 200)
    for kept in (4, 3, 2, 1):
        rows = of_classes(labels, kept, 30)
        counts = np.bincount(labels[rows], minlength=4)
        assert len(set(rows)) == 30 and counts[kept:].sum() == 0 and np.ptp(counts[:kept]) <= 1
    more, fewer = (set(of_classes(labels, kept, 30)) for kept in (2, 1))
    assert {row for row in more if labels[row] == 0} < fewer
    with pytest.raises(ValueError, match=r"class 0 has \d+ images, and 100 images of 1 classes need 100"):
        of_classes(labels, 1, 100)


@dataclasses.dataclass(frozen=True)
class Projection:
    def __call__(self, variables, images):
        return {"pool": jnp.tanh(images.reshape(len(images), -1) / 255.0 @ variables)}


def test_the_benchmark_scores_as_measure_does():
    draw = np.random.default_rng(0)
    weights = jnp.asarray(draw.normal(size=(16, 6)), jnp.float32)
    network = FeatureNetwork("projection", "0" * 64, "none", weights, Projection())
    settings = Settings(kid_blocks=3, kid_block_size=20)
    ours, theirs = (
        EvalSet(
            images_of_source(in_memory(images, np.zeros(len(images), int))),
            {"data": "d", "version": "v", "split": "s", "count": len(images), "resolution": [4, 4, 1], "crop": "none"},
        )
        for images in np.split(draw.integers(0, 256, (90, 4, 4, 1)).astype(np.uint8), [40])
    )
    against = statistics(theirs, network, reference_request(METRICS), mesh=make_mesh(), batch_size=16)
    scorer = Scorer(network, against, settings, 16)
    images = ours.images.rows(np.arange(40))["image"]
    expected = score(METRICS, ours, against, network=network, mesh=make_mesh(), settings=settings, batch_size=16)
    assert scorer.scores(scorer.features(images)) == pytest.approx({k: s.value for k, s in expected.items()}, rel=1e-6)
