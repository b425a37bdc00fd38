"""MobileStyleGAN's student: parameters as counted, constant demodulation, noise, bands."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.networks.mobile_stylegan import Synthesis
from jaxgan.nn.haar import inverse_haar

RNG = np.random.default_rng(0)
SMALL = Synthesis(widths=(8, 8, 4))
WS = RNG.normal(size=(2, SMALL.num_ws, 6)).astype(np.float32)


@pytest.fixture(scope="module")
def variables():
    shapes = jax.eval_shape(lambda key: SMALL.init(key, WS, train=True), jax.random.key(0))
    return jax.tree.map(lambda x: RNG.normal(size=x.shape).astype(np.float32), dict(shapes))


def test_parameters_are_as_counted():
    """Of the code's module, for config F at 1,024 pixels; with the mapping network it has 10,953,327."""
    network = Synthesis()
    ws = jnp.zeros((1, network.num_ws, 512))
    assert network.num_ws == 23
    shapes = jax.eval_shape(lambda key: network.init(key, ws, train=True), jax.random.key(0))
    assert sum(x.size for x in jax.tree.leaves(shapes["params"])) == 8_852_079
    assert 8_852_079 + 2_101_248 == 10_953_327


def test_images_are_those_of_the_last_bands_and_noise_moves_them(variables):
    noise = [RNG.normal(size=(1, side, side, 1)).astype(np.float32) for side in (4, 8, 8, 16, 16)]
    images, bands = SMALL.apply(variables, WS, noise, train=True)
    assert images.shape == (2, 32, 32, 3) and [x.shape[1:] for x in bands] == [(4, 4, 12), (8, 8, 12), (16, 16, 12)]
    np.testing.assert_array_equal(images, inverse_haar(bands[-1]))
    for number in range(5):
        other = [2 * each if n == number else each for n, each in enumerate(noise)]
        assert np.abs(SMALL.apply(variables, WS, other, train=True)[0] - images).max() > 1e-4, number
    without = SMALL.apply(variables, WS, None, train=False)[0]
    zeros = SMALL.apply(variables, WS, [0 * each for each in noise], train=False)[0]
    np.testing.assert_allclose(without, zeros, rtol=1e-5, atol=1e-5)


def test_the_demodulation_does_not_look_at_the_styles(variables):
    """A layer is linear in the factors of its input: twice the modulation gives twice what comes before bias."""
    layer = variables["params"]["b8_conv0"]
    layer = layer | {"bias": 0 * layer["bias"], "modulation": {k: 2 * v for k, v in layer["modulation"].items()}}
    twice = {**variables, "params": variables["params"] | {"b8_conv0": layer}}
    once = layer | {"modulation": variables["params"]["b8_conv0"]["modulation"]}
    first = {**variables, "params": variables["params"] | {"b8_conv0": once}}
    options = dict(train=False, mutable=["intermediates"], capture_intermediates=True)
    got, doubled = (
        SMALL.apply(each, WS, None, **options)[1]["intermediates"]["b8_conv0"]["__call__"][0] for each in (first, twice)
    )
    np.testing.assert_allclose(doubled, 2 * got, rtol=1e-4, atol=1e-5)
    # The constants themselves matter.
    drawn = {**first["demodulation"], "b8_conv0": {"styles": 3 * first["demodulation"]["b8_conv0"]["styles"]}}
    third = SMALL.apply({**first, "demodulation": drawn}, WS, None, **options)[1]["intermediates"]
    np.testing.assert_allclose(third["b8_conv0"]["__call__"][0], got / 3, rtol=1e-4, atol=1e-5)


def test_widths_that_are_no_bands_are_refused():
    with pytest.raises(ValueError, match=r"widths=\(6, 4\): each but the last is four bands"):
        Synthesis(widths=(6, 4)).init(jax.random.key(0), WS, train=True)
