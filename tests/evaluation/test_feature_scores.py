"""Scores by name: how each is called, what it needs, and that it is the plain metric of the features."""

import dataclasses

import jax
import numpy as np
import pytest

from jaxgan.evaluation.collect import FeatureRequest
from jaxgan.evaluation.feature_scores import (
    METRICS,
    Settings,
    check_metrics,
    reference_request,
    request_of,
    score_name,
    scores_of,
)
from jaxgan.evaluation.statistics import Statistics
from jaxgan.features.feature_network import FeatureNetwork
from jaxgan.metrics.density_coverage import density_coverage
from jaxgan.metrics.frechet import FewSamplesWarning, frechet_distance, frechet_of_rows
from jaxgan.metrics.inception_score import add_logits, inception_score, split_of, zero_score_sums
from jaxgan.metrics.intra_class import intra_class_distance
from jaxgan.metrics.kernel import kernel_distance
from jaxgan.metrics.precision_recall import precision_recall
from jaxgan.parallel import to_host
from jaxgan.training.errors import UserError

SETTINGS = Settings(is_splits=4, kid_blocks=7, kid_block_size=20, precision_recall_k=2, density_coverage_k=4, seed=11)


def network(name="inception", *, published=False):
    return FeatureNetwork(name, "0" * 64, "tf1", None, None, published=published)


def drawn(seed, count, shift=0.0):
    """Statistics of random features, and the features."""
    draw = np.random.default_rng(seed)
    pool, spatial = draw.normal(size=(count, 5)) + shift, draw.normal(size=(count, 3)) + shift
    logits = 2 * draw.normal(size=(count, 6)) + shift
    pool = pool.astype(np.float32)
    sums = add_logits(zero_score_sums(4, 6), logits, split_of(count, 4, seed=11), np.ones(count, np.float32))
    moments = [f(x) for x in (pool.astype(np.float64), spatial) for f in (lambda x: x.mean(0), lambda x: np.cov(x.T))]
    return Statistics(count, *moments, to_host(sums), pool, np.arange(count) % 3, {}), spatial


@pytest.fixture(scope="module")
def sides():
    return drawn(0, 60), drawn(1, 80, 0.5)


def scores(names, images, reference, net=None, settings=SETTINGS, stamp=None):
    return scores_of(names, images, reference, network=net or network(), settings=settings, stamp=stamp or {})


def test_names():
    published, others, lite = network(published=True), network(), network("efficientnet_lite0")
    assert [score_name(n, published) for n in METRICS] == [
        *("fid", "sfid", "intra_fid", "kid", "is", "precision", "recall", "density", "coverage")
    ]
    assert [score_name(n, others) for n in METRICS][:5] == [
        *("fd_inception", "sfd_inception", "intra_fd_inception", "kid", "is")
    ]
    assert [score_name(n, lite) for n in METRICS] == [
        *(f"{n}_efficientnet_lite0" for n in ("fd", "sfd", "intra_fd", "kid", "is")),
        *("precision", "recall", "density", "coverage"),
    ]
    # Whatever a user's own network says of its weights, FID is Inception's.
    assert score_name("fd", network("mine", published=True)) == "fd_mine"


def test_values_are_those_of_the_plain_metrics(sides):
    (ours, spatial), (theirs, ref_spatial) = sides
    found = {name: next(iter(scores([name], ours, theirs).values())) for name in METRICS}
    values = {name: score.value for name, score in found.items()}
    features, ref_features = ours.features, theirs.features
    assert values["fd"] == frechet_distance(ours.mu, ours.sigma, theirs.mu, theirs.sigma)
    np.testing.assert_allclose(values["fd"], frechet_of_rows(features, ref_features), rtol=1e-9)
    np.testing.assert_allclose(values["sfd"], frechet_of_rows(spatial, ref_spatial), rtol=1e-9)
    kernel = kernel_distance(features, ref_features, blocks=7, block_size=20, seed=11)
    assert (values["kid"], found["kid"].stderr) == (kernel.mean, kernel.stderr)
    mean, std = inception_score(ours.scores)
    assert (values["is"], found["is"].stderr) == (mean, std / 2)
    assert (values["precision"], values["recall"]) == precision_recall(ref_features, features, k=2)
    assert (values["density"], values["coverage"]) == density_coverage(ref_features, features, k=4)
    # Not by chance: the two sides and the two k differ.
    assert precision_recall(ref_features, features, k=2) not in (
        precision_recall(features, ref_features, k=2),
        precision_recall(ref_features, features, k=4),
    )
    mean, per_class = intra_class_distance(features, ours.labels, ref_features, theirs.labels)
    assert (values["intra_fd"], len(per_class)) == (mean, 3)
    np.testing.assert_allclose(found["intra_fd"].stderr, np.std(per_class, ddof=1) / 3**0.5)
    assert {name for name, score in found.items() if score.stderr is None} == {
        *("fd", "sfd", "precision", "recall", "density", "coverage")
    }


def test_what_does_not_vary_has_no_standard_error(sides):
    ours, theirs = sides[0][0], sides[1][0]
    for size, known in ((59, True), (60, False), (1000, False)):
        settings = dataclasses.replace(SETTINGS, kid_block_size=size)
        assert (scores(["kid"], ours, theirs, settings=settings)["kid"].stderr is not None) == known
    whole = ours._replace(scores=jax.tree.map(lambda x: x.sum(0, keepdims=True), ours.scores))
    found = scores(["is"], whole, None, settings=dataclasses.replace(SETTINGS, is_splits=1))["is"]
    assert found.stderr is None and found.value > 1


def test_each_score_has_its_own_settings_and_the_reference_where_it_has_one(sides):
    stamp = {"num_images": 60, "reference": "x", "reference_key": "k", "network": "inception"}
    found = scores(["fd", "kid", "is", "precision", "density"], sides[0][0], sides[1][0], stamp=stamp)
    assert {name: score.stamp["settings"] for name, score in found.items()} == {
        "fd_inception": {},
        "kid": {"blocks": 7, "block_size": 20, "block_seed": 11},
        "is": {"splits": 4, "shuffle_seed": 11},
        "precision": {"k": 2},
        "density": {"k": 4},
    }
    for name, score in found.items():
        assert ("reference" in score.stamp, "reference_key" in score.stamp) == (name != "is",) * 2
        assert (score.stamp["num_images"], score.stamp["network"]) == (60, "inception")


def test_what_is_wanted_of_each_side():
    everything = request_of(list(METRICS), SETTINGS)
    assert everything == FeatureRequest(pool=True, spatial=True, scores=True, features=True, splits=4, split_seed=11)
    assert reference_request(["is"]) == FeatureRequest() and request_of(["is"], SETTINGS) == FeatureRequest(
        scores=True, splits=4, split_seed=11
    )
    assert reference_request(["is", "sfd", "recall"]) == FeatureRequest(spatial=True, features=True)


def test_what_is_missing_is_named(sides):
    ours, theirs = sides[0][0], sides[1][0]
    for name in METRICS:
        if name == "is":
            assert list(scores(["is"], ours, None)) == ["is"]
            continue
        with pytest.raises(UserError, match=f"{name} needs a reference: --against=Y"):
            scores([name], ours, None)
        parts = {"fd": "mu", "sfd": "spatial_mu"}
        part = parts.get(name, "features")
        with pytest.raises(UserError, match=f"{name} needs the reference's {part}, which its file"):
            scores([name], ours, theirs._replace(**{part: None}))
        with pytest.raises(UserError, match=f"{name} needs the images' {part}, which were not collected"):
            scores([name], ours._replace(**{part: None}), theirs)
    with pytest.raises(UserError, match="is needs the images' scores"):
        scores(["is"], ours._replace(scores=None), None)
    with pytest.raises(UserError, match="intra_fd needs labels, and the images have none"):
        scores(["intra_fd"], ours._replace(labels=None), theirs)
    with pytest.raises(UserError, match="intra_fd needs labels, and the reference has none"):
        scores(["intra_fd"], ours, theirs._replace(labels=None))
    with pytest.raises(UserError, match="no metric 'fdi'; choose from fd, sfd, intra_fd"):
        check_metrics(["fd", "fdi"])


def test_too_few_images_are_warned_of(sides):
    ours, theirs = sides[0][0], sides[1][0]
    with pytest.warns(FewSamplesWarning, match="5 samples for 5 features"):
        scores(["fd"], ours._replace(count=5), theirs._replace(count=None))
    scores(["fd"], ours, theirs._replace(count=None))
    with pytest.warns(FewSamplesWarning, match="3 samples for 3 features"):
        scores(["sfd"], ours, theirs._replace(count=3))


def test_classes_are_paired_by_name(sides, caplog):
    """Sets that count the same classes in another order score as if in one; whose names differ are refused."""
    (ours, _), (theirs, _) = sides
    names, turned = ("cat", "dog", "fox"), ("fox", "cat", "dog")
    plain = scores(["intra_fd"], ours, theirs)["intra_fd_inception"]
    assert "have no names: those of both sides are paired by number" in caplog.text
    caplog.clear()
    others = theirs._replace(labels=(theirs.labels + 1) % 3, class_names=turned)
    named = scores(["intra_fd"], ours._replace(class_names=names), others)["intra_fd_inception"]
    assert named.value == plain.value and not caplog.records
    numbers = scores(
        ["intra_fd"], ours._replace(class_names=("7", "8", "10")), theirs._replace(class_names=("007", "008", "010"))
    )
    assert numbers["intra_fd_inception"].value == plain.value
    with pytest.raises(UserError, match="names differ: fox in the images alone; cow, elk in the reference alone"):
        scores(
            ["intra_fd"], ours._replace(class_names=names), theirs._replace(class_names=("cat", "dog", "cow", "elk"))
        )
