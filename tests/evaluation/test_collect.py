"""One pass: the same sums on one device and eight, whatever the batch size and the order; and a bank in order."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.data import in_memory
from jaxgan.evaluation.collect import FeatureRequest, collect, images_of_samples, images_of_source
from jaxgan.evaluation.inputs import inputs_of_labels, label_inputs
from jaxgan.evaluation.sampling import sample_images
from jaxgan.features.feature_network import FeatureNetwork
from jaxgan.metrics.feature_moments import mean_covariance
from jaxgan.metrics.frechet import frechet_of_moments
from jaxgan.metrics.inception_score import inception_score
from jaxgan.parallel import make_mesh

EVERYTHING = FeatureRequest(pool=True, spatial=True, scores=True, features=True, splits=3)


@dataclasses.dataclass(frozen=True)
class Projection:
    """Features are a nonlinear projection of the pixels."""

    def __call__(self, variables, images):
        flat = images.reshape(len(images), -1).astype(jnp.float32) / 255
        hidden = jnp.tanh(jnp.dot(flat, variables, precision="highest"))
        return {"pool": hidden, "spatial": hidden[:, :5] ** 2, "logits": 4 * hidden[:, :7]}


@pytest.fixture(scope="module")
def network():
    weights = jnp.asarray(np.random.default_rng(0).normal(size=(4 * 4, 12)), jnp.float32)
    return FeatureNetwork("projection", "0" * 64, "none", weights, Projection())


@pytest.fixture(scope="module")
def pictures():
    return np.random.default_rng(1).integers(0, 256, (101, 4, 4, 1)).astype(np.uint8)


def one_device():
    return make_mesh(devices=jax.devices()[:1])


def images_of(pictures):
    return images_of_source(in_memory(pictures, np.zeros(len(pictures), int)))


def test_sums_are_those_of_the_features(network, pictures):
    got = collect(network, images_of(pictures), EVERYTHING, mesh=make_mesh(), batch_size=16)
    features = jax.tree.map(np.asarray, network.apply(network.variables, jnp.asarray(pictures)))
    np.testing.assert_allclose(got.features, features["pool"], atol=1e-6)
    for moments, name in ((got.pool, "pool"), (got.spatial, "spatial")):
        mean, covariance = mean_covariance(moments)
        np.testing.assert_allclose(mean, features[name].astype(np.float64).mean(0), rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(covariance, np.cov(features[name], rowvar=False), rtol=1e-4, atol=1e-7)
    assert got.count == got.pool.count == got.scores.count.sum() == 101


def test_batches_order_and_devices_change_nothing(network, pictures):
    reference = collect(network, images_of(pictures[::-1].copy()[:60]), FeatureRequest(pool=True), mesh=one_device())
    scores = []
    for mesh, size, order in (
        (one_device(), 7, slice(None)),
        (make_mesh(), 16, slice(None)),
        (make_mesh(data=4, fsdp=2), 101, slice(None, None, -1)),
    ):
        got = collect(network, images_of(pictures[order]), FeatureRequest(pool=True), mesh=mesh, batch_size=size)
        scores.append(frechet_of_moments(got.pool, reference.pool))
    np.testing.assert_allclose(scores, scores[0], rtol=1e-6)


def test_samples_are_drawn_in_the_same_program(network, method, nets, compilations):
    inputs = label_inputs(45, 3)
    truncation = {"truncation": 0.7, "truncation_mode": "truncated_normal"}
    options = dict(rng=jax.random.key(3), options=truncation)
    drawn = sample_images(method, nets, inputs, mesh=one_device(), batch_size=45, **options)
    expected = collect(network, images_of(drawn), EVERYTHING, mesh=one_device())
    for mesh, size in ((one_device(), 45), (make_mesh(), 8)):
        got = collect(
            network, images_of_samples(method, nets, inputs, **options), EVERYTHING, mesh=mesh, batch_size=size
        )
        np.testing.assert_allclose(got.features, expected.features, atol=1e-6)
        np.testing.assert_allclose(inception_score(got.scores), inception_score(expected.scores), rtol=1e-6)
    options["options"] = truncation | {"truncation": 0.3}
    few = images_of_samples(method, nets, inputs_of_labels(inputs.labels[:9]), **options)
    with compilations() as compiled:
        collect(network, few, EVERYTHING, mesh=make_mesh(), batch_size=8)
    assert not compiled


def test_progress_counts_images(network, pictures):
    seen = []
    collect(
        network, images_of(pictures), FeatureRequest(pool=True), mesh=make_mesh(), batch_size=40, advance=seen.append
    )
    assert seen == [40, 40, 21]


def test_an_output_that_is_not_there_is_named(network, pictures):
    poor = network._replace(apply=lambda variables, images: {"pool": images.reshape(len(images), -1).astype("float32")})
    with pytest.raises(ValueError, match=r"projection gives \['pool'\], and no 'logits'"):
        collect(poor, images_of(pictures), FeatureRequest(scores=True), mesh=make_mesh())
    with pytest.raises(ValueError, match="batch_size must be at least 1, got 0"):
        collect(network, images_of(pictures), FeatureRequest(pool=True), mesh=make_mesh(), batch_size=0)
