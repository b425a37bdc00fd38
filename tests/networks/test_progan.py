"""ProGAN's networks: parameters as published, growth, fading."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import nn as layers
from jaxgan.networks.progan import Discriminator, Generator, faded_images

RNG = np.random.default_rng(0)
LABELS = np.zeros(2, np.int32)


def shapes_of(network, first):
    return jax.eval_shape(lambda key: network.init(key, first, LABELS, train=True), jax.random.key(0))["params"]


@pytest.mark.parametrize(
    ("side", "g_count", "d_count"),
    [
        (1024, 23_079_115, 23_087_249),
        (256, 23_044_309, 23_052_353),
        (128, 22_933_394, 22_941_313),
        (32, 20_719_628, 20_726_785),
    ],
)
def test_parameters_are_as_published(side, g_count, d_count):
    """By the formula of tkarras/progressive_growing_of_gans, every side's layers of colours included."""
    for network, first, count in (
        (Generator(resolution=side), jnp.zeros((2, 512)), g_count),
        (Discriminator(resolution=side), jnp.zeros((2, side, side, 3)), d_count),
    ):
        assert sum(x.size for x in jax.tree.leaves(shapes_of(network, first))) == count


SMALL = dict(resolution=16, channel_base=64, channel_max=8)


@pytest.fixture(scope="module")
def variables():
    """Of both networks, initialised at a small side: all sides' parameters are there."""
    rng = np.random.default_rng(1)
    shapes = [
        shapes_of(Generator(z_dim=6, side=4, **SMALL), jnp.zeros((2, 6))),
        shapes_of(Discriminator(side=8, fade=True, **SMALL), jnp.zeros((2, 8, 8, 3))),
    ]
    return [{"params": jax.tree.map(lambda x: rng.normal(size=x.shape).astype(np.float32), each)} for each in shapes]


def generator(**fields):
    return Generator(z_dim=6, **SMALL | fields)


def test_every_side_has_its_parameters_whatever_side_is_initialised(variables):
    whole = shapes_of(generator(), jnp.zeros((2, 6)))
    assert jax.tree.map(jnp.shape, variables[0]["params"]) == jax.tree.map(jnp.shape, whole)
    whole = shapes_of(Discriminator(**SMALL), jnp.zeros((2, 16, 16, 3)))
    assert jax.tree.map(jnp.shape, variables[1]["params"]) == jax.tree.map(jnp.shape, whole)


def test_a_side_begins_as_the_one_before_it_enlarged_and_ends_as_itself(variables):
    z = RNG.normal(size=(2, 6)).astype(np.float32)

    def drawn(side, fade, alpha=1.0):
        return np.asarray(generator(side=side, fade=fade).apply(variables[0], z, LABELS, train=True, alpha=alpha))

    for side in (8, 16):
        np.testing.assert_allclose(drawn(side, True, 0.0), layers.upsample_nearest(drawn(side // 2, False)), atol=1e-6)
        np.testing.assert_allclose(drawn(side, True, 1.0), drawn(side, False), atol=1e-6)
        middle = (drawn(side, True, 0.0) + drawn(side, True, 1.0)) / 2
        np.testing.assert_allclose(drawn(side, True, 0.5), middle, atol=1e-6)
    assert drawn(4, False).shape == (2, 4, 4, 3)


def test_d_too_and_reals_at_alpha_0_are_the_small_ones(variables):
    images = RNG.normal(size=(2, 16, 16, 3)).astype(np.float32)

    def logits(images, side, fade, alpha=1.0):
        network = Discriminator(side=side, fade=fade, stddev_rows=2, **SMALL)
        return np.asarray(network.apply(variables[1], images, LABELS, train=True, alpha=alpha))

    half = layers.average_pool(images)
    np.testing.assert_allclose(logits(images, 16, True, 0.0), logits(half, 8, False), rtol=1e-5)
    np.testing.assert_allclose(logits(images, 16, True, 1.0), logits(images, 16, False), rtol=1e-5)
    np.testing.assert_allclose(layers.average_pool(faded_images(images, 0.3)), half, atol=1e-6)
    np.testing.assert_array_equal(faded_images(images, 0.0), layers.upsample_nearest(half))
    np.testing.assert_allclose(faded_images(images, 1.0), images, atol=1e-6)
    with pytest.raises(ValueError, match=r"images of \(8, 8\): the discriminator takes \(16, 16\)"):
        logits(half, 16, False)


def test_layers_that_are_not_there_yet_have_no_gradient(variables):
    z = RNG.normal(size=(2, 6)).astype(np.float32)

    def loss(params):
        return (generator(side=8, fade=True).apply({"params": params}, z, LABELS, train=True, alpha=0.5) ** 2).sum()

    moved = jax.tree.map(lambda x: bool(np.abs(x).max() > 0), jax.grad(loss)(variables[0]["params"]))
    for name, layer in moved.items():
        reached = all(layer.values()) if isinstance(layer, dict) else layer
        assert reached == (not name.startswith("16_")), name
