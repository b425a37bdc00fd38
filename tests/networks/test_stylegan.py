"""StyleGAN's generator: parameters as published, growth, styles; its discriminator's blur."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import nn as layers
from jaxgan.networks.stylegan import Discriminator, Epilogue, Generator

RNG = np.random.default_rng(0)
LABELS = np.zeros(2, np.int32)
SMALL = dict(resolution=16, channel_base=64, channel_max=8)


def shapes_of(network, first):
    init = lambda key: network.init({"params": key, "noise": key, "mix": key}, first, LABELS, train=True)  # noqa: E731
    return jax.eval_shape(init, jax.random.key(0))


def size_of(tree):
    return sum(x.size for x in jax.tree.leaves(tree))


@pytest.mark.parametrize(("side", "count"), [(1024, 26_219_627), (512, 26_179_768), (256, 26_086_229)])
def test_parameters_are_as_published(side, count):
    """NVlabs/stylegan's printed total; noise that stays is 2,796,192 numbers besides at 1,024 pixels."""
    shapes = shapes_of(Generator(resolution=side), jnp.zeros((2, 512)))
    assert size_of(shapes["params"]) == count
    assert size_of(shapes["params"]["mapping"]) == 2_101_248
    if side == 1024:
        assert size_of(shapes["noise"]) == 2_796_192


def generator(**fields):
    return Generator(**dict(SMALL, z_dim=6, w_dim=8, mapping_layers=2) | fields)


@pytest.fixture(scope="module")
def variables():
    """Initialised at a small side: all sides' parameters are there."""
    shapes, rng = shapes_of(generator(side=4), jnp.zeros((2, 6))), np.random.default_rng(1)
    assert jax.tree.map(jnp.shape, shapes) == jax.tree.map(jnp.shape, shapes_of(generator(), jnp.zeros((2, 6))))
    return jax.tree.map(lambda x: rng.normal(size=x.shape).astype(np.float32), shapes)


def test_a_side_begins_as_the_one_before_it_enlarged_and_ends_as_itself(variables):
    z = RNG.normal(size=(2, 6)).astype(np.float32)

    def drawn(side, fade, alpha=1.0):
        network = generator(side=side, fade=fade)
        run = jax.jit(lambda z: network.apply(variables, z, LABELS, train=False, alpha=alpha, noise="const"))
        return np.asarray(run(z))

    for side in (8, 16):
        np.testing.assert_allclose(drawn(side, True, 0.0), layers.upsample_nearest(drawn(side // 2, False)), atol=1e-5)
        np.testing.assert_allclose(drawn(side, True, 1.0), drawn(side, False), atol=1e-5)


def test_the_style_sets_the_mean_and_the_deviation_of_every_map():
    network, x, w = (
        Epilogue(),
        RNG.normal(size=(3, 8, 8, 5)).astype(np.float32),
        RNG.normal(size=(3, 4)).astype(np.float32),
    )
    made = network.init({"params": jax.random.key(0)}, x, w, noise="none")
    params = {**made["params"], "bias": RNG.normal(size=5).astype(np.float32)}
    out = np.asarray(network.apply({**made, "params": params}, x, w, noise="none"))
    style = w @ np.asarray(params["style"]["kernel"]) / np.sqrt(4)
    np.testing.assert_allclose(out.mean((1, 2)), style[:, 5:], atol=1e-4)
    np.testing.assert_allclose(out.std((1, 2)), np.abs(style[:, :5] + 1), atol=1e-4)
    # Noise has a strength of each channel's own, 0 at the beginning.
    np.testing.assert_array_equal(out, network.apply({**made, "params": params}, x, w, noise="const"))
    strong = {**params, "noise_strength": np.array([0, 1, 0, 0, 0], np.float32)}
    moved = np.abs(network.apply({**made, "params": strong}, x, w, noise="const") - out).max((0, 1, 2))
    assert moved[1] > 0.1 and moved[[0, 2, 3, 4]].max() < 1e-6


def test_training_mixes_within_the_layers_of_the_side_and_moves_the_average(variables):
    z = RNG.normal(size=(2, 6)).astype(np.float32)
    keys = {"noise": jax.random.key(0), "mix": jax.random.key(1)}

    def run(mixing):
        network = generator(side=8, mixing=mixing)
        return jax.jit(
            lambda z: network.apply(variables, z, LABELS, train=True, noise="const", rngs=keys, mutable=["w_avg"])
        )(z)

    (plain, moved), (other, again) = run(0.0), run(1.0)
    assert generator(side=8).num_ws == 4 and np.abs(plain - other).max() > 1e-4
    np.testing.assert_array_equal(moved["w_avg"]["mapping"]["w_avg"], again["w_avg"]["mapping"]["w_avg"])
    assert np.abs(moved["w_avg"]["mapping"]["w_avg"] - variables["w_avg"]["mapping"]["w_avg"]).max() > 1e-4


def test_the_discriminator_blurs_before_it_halves():
    images = RNG.normal(size=(2, 16, 16, 3)).astype(np.float32)
    plain, blurred = (Discriminator(blur=blur, stddev_rows=2, **SMALL) for blur in (False, True))
    made = jax.jit(lambda key: plain.init(key, images, LABELS, train=True))(jax.random.key(0))
    found = [jax.jit(lambda x, n=n: n.apply(made, x, LABELS, train=True))(images) for n in (plain, blurred)]
    assert np.abs(found[0] - found[1]).max() > 1e-4
