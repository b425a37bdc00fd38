"""Priors over codes: their order, their likelihood, their draws and what is kept of a picture."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan.methods.code_priors import CodePriors
from jaxgan.methods.coder import from_tokens, to_tokens
from jaxgan.networks.code_prior import CodePrior, CodesAbove
from jaxgan.networks.pixelcnn import PixelCNN

RNG = np.random.default_rng(0)
GRIDS = ((2, 2), (1, 1))


class Pixels:
    """An autoencoder whose codes are the pictures themselves, and their mean."""

    def codes(self, nets, images):
        bright = (images[..., 0] > 127).astype(jnp.int32)
        return bright, (bright.mean((1, 2), keepdims=True) > 0.5).astype(jnp.int32)

    def decode(self, nets, codes):
        return codes[0][..., None] * 2.0 - 1


def make(classes=0):
    pixels = dict(
        levels=2, channels=1, num_classes=classes, ch=4, layers=2, kernel=3, first_kernel=3, hidden=16, embed=2
    )
    return CodePriors(
        priors=(
            CodePrior(PixelCNN(**pixels, context=4), CodesAbove(codes=2, ch=4, blocks=1, hidden=2)),
            CodePrior(PixelCNN(**pixels, attention_every=1, heads=2)),
        ),
        coder=Pixels(),
        optimizers={"p0": optax.adam(1e-2), "p1": optax.adam(1e-2)},
        grids=GRIDS,
        num_classes=classes,
    )


def random_nets(method):
    batch = {"tokens": np.zeros((2, 5), np.int32), "label": np.zeros(2, np.int32)}
    shapes = jax.eval_shape(method.init, jax.random.key(0), batch).nets
    rng = np.random.default_rng(1)
    return jax.tree.map(lambda x: jnp.asarray(rng.normal(0, 0.7, x.shape), jnp.float32), shapes)


def test_tokens_are_the_levels_from_the_top_down():
    codes = (np.arange(8).reshape(2, 2, 2), np.array([[[8]], [[9]]]))
    tokens = to_tokens(codes)
    np.testing.assert_array_equal(tokens, [[8, 0, 1, 2, 3], [9, 4, 5, 6, 7]])
    for level, back in zip(codes, from_tokens(tokens, GRIDS), strict=True):
        np.testing.assert_array_equal(back, level)


@pytest.mark.parametrize("classes", [0, 3])
def test_the_probabilities_of_all_codes_sum_to_1(classes):
    method = make(classes)
    nets = random_nets(method)
    every = np.array(list(itertools.product(range(2), repeat=5)), np.int32)
    batch = {"tokens": every, "label": np.full(len(every), min(classes, 2), np.int32)}
    nats = np.asarray(jax.jit(method.nats)(nets, batch, jax.random.key(0)), np.float64)
    assert np.exp(-nats).sum() == pytest.approx(1, abs=1e-4)


@pytest.mark.slow
def test_the_bottom_is_told_of_the_top_and_not_the_other_way_round():
    method = make()
    nets = random_nets(method)
    codes = (np.zeros((1, 2, 2), np.int32), np.zeros((1, 1, 1), np.int32))
    labels = np.zeros(1, np.int32)
    bottom = [
        method.priors[0].apply(nets["prior_0"], codes[0], labels, (np.full((1, 1, 1), top),), train=False)
        for top in (0, 1)
    ]
    assert np.abs(bottom[0] - bottom[1]).min() > 1e-6
    batches = [{"tokens": np.array([[0, *row]], np.int32)} for row in ([0, 0, 0, 0], [1, 1, 1, 1])]
    state = jax.jit(method.init)(jax.random.key(0), {"tokens": np.zeros((2, 5), np.int32)}).replace(nets=nets)
    step = jax.jit(method.step)
    tops = [step(state, batch, jax.random.key(1))[1]["p1/nats_per_code"] for batch in batches]
    assert tops[0] == tops[1]


@pytest.mark.slow
def test_draws_have_the_model_s_frequencies():
    method = make()
    nets = random_nets(method)
    keys = jax.random.split(jax.random.key(1), 4000)
    batch = {"key": keys, "options": {"temperature": 1.0, "kept_rows": 0}}
    images = np.asarray(jax.jit(method.sample)(nets, batch, keys[0])["image"])
    bits = (images > 0).reshape(len(images), -1).astype(int)
    every = np.array(list(itertools.product(range(2), repeat=5)), np.int32)
    probabilities = np.exp(-np.asarray(method.nats(nets, {"tokens": every}, keys[0]), np.float64))
    # Of the bottom alone: what is decoded shows no more.
    bottom = probabilities[:16] + probabilities[16:]
    counts = np.bincount(bits @ [8, 4, 2, 1], minlength=16) / len(bits)
    np.testing.assert_allclose(counts, bottom, atol=4 * np.sqrt(0.25 / len(bits)))


def test_the_upper_rows_of_a_picture_are_kept():
    method = make()
    nets = random_nets(method)
    image = RNG.integers(0, 2, (8, 2, 2, 1), np.uint8) * 255
    batch = {"key": jax.random.split(jax.random.key(2), 8), "image": image}
    drawn = {
        rows: np.asarray(
            jax.jit(method.sample)(nets, {**batch, "options": {"temperature": 1.0, "kept_rows": rows}}, None)["image"]
        )
        for rows in (1, 2)
    }
    true = np.where(image > 0, 1.0, -1.0)
    np.testing.assert_array_equal(drawn[1][:, 0], true[:, 0])
    assert (drawn[1] != true).any()
    np.testing.assert_array_equal(drawn[2], true)
