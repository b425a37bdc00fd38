import jax
import numpy as np
import pytest

from jaxgan.evaluation import Truncation, balanced_labels, sample_batches, sample_images
from jaxgan.nn import to_uint8
from jaxgan.parallel import make_mesh

LABELS = balanced_labels(21, 3)
RNG = jax.random.key(1)


def mesh_of(devices):
    return make_mesh(devices=jax.devices()[:devices])


@pytest.fixture(scope="module")
def reference(method, nets):
    return sample_images(method, nets, LABELS, rng=RNG, mesh=mesh_of(1), batch_size=21)


def test_an_image_depends_on_its_own_index_and_label(method, nets, reference):
    z = np.stack([jax.random.normal(jax.random.fold_in(RNG, i), (6,)) for i in range(21)])
    expected = to_uint8(method.sample(nets, {"z": z, "label": LABELS}, RNG)["image"])
    assert np.abs(reference.astype(int) - np.asarray(expected).astype(int)).max() <= 1
    assert reference.shape == (21, 4, 4, 1) and reference.dtype == np.uint8


@pytest.mark.parametrize(("devices", "batch_size"), [(1, 4), (8, 8), (8, 13)])
def test_neither_batch_size_nor_devices_change_it(method, nets, reference, devices, batch_size):
    images = sample_images(method, nets, LABELS, rng=RNG, mesh=mesh_of(devices), batch_size=batch_size)
    assert images.shape == reference.shape
    assert np.abs(images.astype(int) - reference.astype(int)).max() <= 1


def test_batches_come_whole_and_the_last_is_cut(method, nets):
    sizes = [len(b) for b in sample_batches(method, nets, LABELS, rng=RNG, mesh=mesh_of(8), batch_size=5)]
    assert sizes == [8, 8, 5]


def test_class_weights_and_truncation(method, nets, reference):
    weights = np.eye(3, dtype=np.float32)[LABELS]
    options = dict(rng=RNG, mesh=mesh_of(1), batch_size=21)
    images = sample_images(method, nets, weights, **options)
    assert np.abs(images.astype(int) - reference.astype(int)).max() <= 1
    still = sample_images(method, nets, LABELS, truncation=Truncation("scale", 1e-6), **options)
    # Without latents an image is its class.
    assert all((still[c == LABELS] == still[c]).all() for c in range(3))
    assert (still != reference).any()


def test_balanced_labels_go_round():
    np.testing.assert_array_equal(balanced_labels(7, 3), [0, 1, 2, 0, 1, 2, 0])
    np.testing.assert_array_equal(balanced_labels(5, [4, 9]), [4, 9, 4, 9, 4])
    np.testing.assert_array_equal(balanced_labels(2, 0), [0, 0])
    assert balanced_labels(3, 3).dtype == np.int32
