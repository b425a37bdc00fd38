"""Minibatches in which one factor varies: what is the same in a group, what the decoder is shown, what a VAE learns."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan.data.digits import digits_source
from jaxgan.methods.inverse_graphics import InverseGraphics, render
from jaxgan.methods.vae import PARAMETERS, TRAVERSED, VAE
from jaxgan.methods.vae_latents import NormalLatents
from jaxgan.networks import vae as networks

RNG = np.random.default_rng(0)


@pytest.mark.slow
def test_a_group_differs_in_one_factor():
    factors = InverseGraphics(group=4, shares=(1.0, 1.0, 1.0))
    image = RNG.integers(0, 256, (64, 8, 8, 1), np.uint8)
    found = jax.jit(factors.rendered)(image, jax.random.key(0))
    varied = np.asarray(found.varied).reshape(16, 4)
    assert (varied == varied[:, :1]).all() and set(varied[:, 0]) == {0, 1, 2}
    for group, number in enumerate(varied[:, 0]):
        rows = slice(4 * group, 4 * group + 4)
        spread = [float(np.ptp(found.rotation[rows])), float(np.ptp(found.scale[rows]))]
        assert [value > 0 for value in spread] == [number == 0, number == 1]
        # Rendered at one and the same pose, the pictures of a group are one picture unless it varies.
        shown = render(image[rows], found.rotation[rows], found.scale[rows])
        still = render(np.repeat(image[rows][:1], 4, 0), found.rotation[rows], found.scale[rows])
        np.testing.assert_array_equal(found.image[rows], shown if number == 2 else still)
    assert np.abs(found.rotation).max() <= 45 and np.abs(found.scale).max() <= 0.3


def test_pictures_turn_and_grow_as_is_said():
    image = np.zeros((1, 15, 15, 1), np.uint8)
    image[0, 7, 10] = 255
    turned = np.asarray(render(image, jnp.array([90.0]), jnp.array([0.0])))[0, :, :, 0]
    assert np.unravel_index(turned.argmax(), (15, 15)) == (4, 7)
    larger = np.asarray(render(image, jnp.array([0.0]), jnp.array([1.0])))[0, :, :, 0]
    assert np.unravel_index(larger.argmax(), (15, 15)) == (7, 13)
    smooth = np.asarray(jax.image.resize(RNG.integers(60, 200, (2, 3, 3, 1)), (2, 12, 12, 1), "cubic"), np.uint8)
    assert np.abs(render(smooth, jnp.zeros(2), jnp.zeros(2)).astype(int) - smooth).max() <= 1


def test_numbers_of_what_does_not_vary_are_the_group_s_mean_and_are_drawn_to_it():
    factors = InverseGraphics(group=2, invariance=0.5)
    z, varied = jnp.asarray(RNG.normal(size=(6, 5)), jnp.float32), jnp.array([0, 0, 1, 1, 2, 2])
    shown, apart = factors.clamped(z, varied)
    mean = np.repeat(np.asarray(z).reshape(3, 2, 5).mean(1), 2, axis=0)
    active = np.zeros((6, 5), bool)
    active[:2, 0], active[2:4, 1], active[4:, 2:] = True, True, True
    np.testing.assert_allclose(shown, np.where(active, z, mean), rtol=1e-6)
    # The paper's gradients: of what varies as it comes, of the rest in proportion to the distance from the mean.
    slopes = jax.grad(lambda z: factors.clamped(z, varied)[0].sum() + factors.clamped(z, varied)[1].sum())(z)
    np.testing.assert_allclose(slopes, np.where(active, 1, 0.5 * (z - mean)), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(apart, 0.25 * np.where(active, 0, np.square(z - mean)).sum(1), rtol=1e-5)


def test_groups_that_do_not_divide_the_batch_are_refused():
    with pytest.raises(ValueError, match="a batch of 6 in groups of 4: choose a divisor"):
        InverseGraphics(group=4).rendered(np.zeros((6, 8, 8, 1), np.uint8), jax.random.key(0))


def vae(factors):
    latents = NormalLatents(6)
    return VAE(
        encoder=networks.Encoder(z_dim=latents.numbers, hidden=(128,)),
        decoder=networks.Decoder(
            image_shape=(8, 8, 1), z_dim=latents.size, parameters=PARAMETERS["gaussian"], hidden=(128,)
        ),
        optimizers={"p": optax.adam(2e-3)},
        latents=latents,
        likelihood="gaussian",
        beta=0.2,
        inverse_graphics=factors,
    )


@pytest.mark.slow
def test_a_number_learns_the_rotation_where_one_factor_varies_at_a_time():
    """On digits of 8x8 pixels, of held-out ones: how well one number tells the rotation of a picture,
    against the best number of the same VAE that was shown the same poses without groups.
    """
    sources = [digits_source(split, (8, 8)) for split in ("train", "test")]
    digits, held = (source.fetch(np.arange(source.length))["image"] for source in sources)
    angles = np.random.default_rng(1).uniform(-45, 45, len(held)).astype(np.float32)
    turned = render(held, angles, np.zeros(len(held), np.float32))

    def correlations(factors):
        method = vae(factors)
        state = jax.jit(method.init)(jax.random.key(0), {"image": digits[:2]})
        step = jax.jit(lambda state, rows, key: method.step(state, {"image": rows}, key)[0])
        order = np.random.default_rng(0)
        for number in range(3_000):
            rows = digits[order.integers(0, len(digits), 100)]
            state = step(state, rows, jax.random.fold_in(jax.random.key(1), number))
        mean, _ = method.encoder.apply(state.nets["encoder"], turned.astype(np.float32) / 127.5 - 1, train=False)
        return np.abs([np.corrcoef(mean[:, dim], angles)[0, 1] for dim in range(6)])

    grouped, plain = correlations(InverseGraphics(group=10)), correlations(InverseGraphics(group=1))
    assert grouped[0] > 0.7 and grouped[0] > plain.max() + 0.1, (grouped, plain)
    assert grouped[0] > grouped[1:].max() + 0.2, grouped


def test_a_traversal_shows_one_number_at_seven_values():
    method = vae(None)
    image = RNG.integers(0, 256, (3, 8, 8, 1), np.uint8)
    nets = jax.jit(method.init)(jax.random.key(0), {"image": image[:2]}).nets
    options = {"samples": 1, "draw": "mean", "dim": 2, "value": -2.0, "traverse": 1}
    batch = {"image": image, "key": jax.random.split(jax.random.key(1), 3), "options": options}
    found = method.sample(nets, batch, None)
    assert list(found)[1:] == list(TRAVERSED) == ["at_-3", "at_-2", "at_-1", "at_0", "at_+1", "at_+2", "at_+3"]
    np.testing.assert_array_equal(found["image"], found["at_-2"])
    assert np.abs(found["at_-3"] - found["at_+3"]).max() > 1e-3
    assert list(method.sample(nets, batch | {"options": options | {"traverse": 0}}, None)) == ["image"]
