import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.networks.lapgan import Discriminator, Generator

RNG = np.random.default_rng(0)
CLASS = np.array([0, 2, 1, 2], np.int32)
SHAPE = (12, 11, 2)
COARSE = RNG.uniform(-1, 1, size=(4, *SHAPE)).astype(np.float32)
RESIDUALS = RNG.normal(size=(4, *SHAPE)).astype(np.float32)
MEANS = RNG.normal(size=(4, 2)).astype(np.float32)
Z = RNG.normal(size=(4, 132)).astype(np.float32)
LABELS = {"class": CLASS, "coarse": COARSE}
TINY_G = Generator(image_shape=SHAPE, z_dim=132, hidden=(3, 2), kernels=(3, 3, 1))
TINY_D = Discriminator(hidden=(3, 2))


def test_the_defaults_are_eyescreams(kernels):
    """train_cifar_coarse_to_fine_classcond.lua at 32 pixels: G is 5-64 (7x7), 64-64 (7x7), 64-3 (5x5); D is 4-64 (5x5,
    to 28x28), 64-64 (5x5, stride 2, to 12x12), and linear; the class is linear 10-1024 in both.
    """
    labels = {"class": jnp.zeros(2, int), "coarse": jnp.zeros((2, 32, 32, 3))}
    conditional = dict(num_classes=10, conditioning="concat")
    assert kernels(Generator(**conditional), (1024,), labels) == {
        "class_plane": (10, 1024),
        "conv_0": (7, 7, 5, 64),
        "conv_1": (7, 7, 64, 64),
        "to_image": (5, 5, 64, 3),
    }
    assert kernels(Discriminator(**conditional), (32, 32, 3), labels) == {
        "class_plane": (10, 1024),
        "conv_0": (5, 5, 4, 64),
        "conv_1": (5, 5, 64, 64),
        "head/linear": (12 * 12 * 64, 1),
    }


def test_the_coarsest_level_is_the_papers(kernels):
    labels = {"class": jnp.zeros(2, int)}
    fields = dict(num_classes=10, conditioning="concat", coarsest=True)
    generator = Generator(image_shape=(8, 8, 3), z_dim=100, hidden=(1200, 1200), **fields)
    assert kernels(generator, (100,), labels) == {
        "dense/hidden_0": (110, 1200),
        "dense/hidden_1": (1200, 1200),
        "dense/to_image": (1200, 192),
    }
    assert kernels(Discriminator(hidden=(600, 600), **fields), (8, 8, 3), labels) == {
        "dense/hidden_0": (202, 600),
        "dense/hidden_1": (600, 600),
        "dense/head/linear": (600, 1),
    }


def test_residuals_follow_the_low_pass_image_and_are_not_bounded(run):
    out = run(TINY_G, Z, LABELS)[0]
    assert np.abs(out).max() > 1
    assert np.abs(out - run(TINY_G, Z, {**LABELS, "coarse": COARSE[::-1].copy()})[0]).max() > 1e-3
    points = TINY_G.clone(image_shape=(2,))
    of_means = [run(points, Z, {"class": CLASS, "coarse": coarse})[0] for coarse in (MEANS, MEANS[::-1].copy())]
    assert np.abs(of_means[0] - of_means[1]).max() > 1e-3


def test_units_are_dropped_in_training_alone(run):
    network = TINY_D.clone(hidden=(6, 5))
    for images, labels in [(RESIDUALS, LABELS), (MEANS, {"class": CLASS, "coarse": MEANS})]:
        logits = run(network, images, labels)[0]
        assert np.abs(run(network, images, labels, train=True)[0] - logits).max() > 1e-5


def test_a_residual_is_judged_in_its_image(run):
    """D's score depends on residual plus low-pass image alone."""
    shift = RNG.normal(size=SHAPE).astype(np.float32)
    moved = {**LABELS, "coarse": COARSE - shift}
    logits = run(TINY_D, RESIDUALS, LABELS)[0]
    np.testing.assert_allclose(run(TINY_D, RESIDUALS + shift, moved)[0], logits, rtol=1e-3, atol=1e-3)
    assert np.abs(run(TINY_D, RESIDUALS, moved)[0] - logits).max() > 0.1


@pytest.mark.parametrize(
    ("network", "first", "labels", "message"),
    [
        (TINY_G, Z, {"class": CLASS}, r"needs condition\['coarse'\]"),
        (TINY_G.clone(coarsest=True), Z, LABELS, "takes no 'coarse' image"),
        (TINY_G, Z[:, 1:], LABELS, "z has 131 columns, but z_dim=132"),
        (TINY_G.clone(z_dim=131), Z[:, 1:], LABELS, "a plane of 12x11, so set 132"),
        (TINY_G.clone(kernels=(3, 3)), Z, LABELS, "has 2 entries; set 3"),
        (TINY_G.clone(image_shape=(11, 12, 2)), Z, LABELS, "but residuals are"),
        (TINY_G.clone(output="sigmoid"), Z, LABELS, "choose from linear, tanh"),
        (TINY_G.clone(conditioning="cbn", num_classes=3), Z, LABELS, "takes none, concat"),
        (TINY_D.clone(kernels=(5,)), RESIDUALS, LABELS, "has 1 entries; set 2"),
        (TINY_D, COARSE[:, :8], {**LABELS, "coarse": COARSE[:, :8]}, "8x11 are too small"),
    ],
)
def test_errors_say_what_would_do(abstract, network, first, labels, message):
    with pytest.raises(ValueError, match=message):
        abstract(network, first.shape[1:], labels)
