"""The transformer over codes: its likelihood, its prefixes, what is kept, and the best of several."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan.methods.token_transformer import TokenTransformer, begin_prefix, class_prefix, map_prefix
from jaxgan.networks.transformer import Transformer, choose_token
from jaxgan.training.errors import UserError

RNG = np.random.default_rng(0)
DEFAULTS = {"temperature": 1.0, "top_k": 0, "top_p": 1.0, "kept_rows": 0, "tall": 1, "wide": 1}


class Pixels:
    """An autoencoder whose codes are the pictures themselves."""

    reductions = (1,)

    def codes(self, nets, images):
        return ((images[..., 0] > 127).astype(jnp.int32),)

    def decode(self, nets, codes):
        return codes[0][..., None] * 2.0 - 1


def make(prefix=None, conditions=(), **changes):
    settings = dict(
        network=Transformer(vocabulary=5, prefix=1, grid=(2, 2), layers=2, heads=2, dim=8),
        coder=Pixels(),
        optimizers={"p": optax.adam(1e-2)},
        grid=(2, 2),
        codes=2,
        prefix=prefix or functools.partial(begin_prefix, codes=2),
        choose=choose_token,
        conditions=conditions,
    )
    return TokenTransformer(**settings | changes)


def random_nets(method, batch):
    shapes = jax.eval_shape(method.init, jax.random.key(0), batch).nets
    rng = np.random.default_rng(1)
    return jax.tree.map(lambda x: jnp.asarray(rng.normal(0, 0.5, x.shape), jnp.float32), shapes)


EVERY = np.array(list(itertools.product(range(2), repeat=4)), np.int32)


def test_draws_have_the_model_s_frequencies_and_temperatures_sharpen_them():
    method = make()
    nets = random_nets(method, {"tokens": EVERY})
    # Of the two codes alone, which the other tokens' shares go to in drawing.
    sequence = np.pad(EVERY, ((0, 0), (1, 0)), constant_values=2)
    logits = np.asarray(method.network.apply(nets["p"], sequence, train=False), np.float64)[:, :, :2]
    log_p = np.take_along_axis(logits - np.log(np.exp(logits).sum(-1, keepdims=True)), EVERY[..., None], -1)
    expected = np.exp(log_p[..., 0].sum(1))
    assert expected.sum() == pytest.approx(1, abs=1e-5)
    keys = jax.random.split(jax.random.key(1), 4000)
    drawn = jax.jit(lambda t: method.sample(nets, {"key": keys, "options": {**DEFAULTS, "temperature": t}}, keys[0]))
    bits = (np.asarray(drawn(1.0)["image"]) > 0).reshape(4000, -1).astype(int)
    counts = np.bincount(bits @ [8, 4, 2, 1], minlength=16) / 4000
    np.testing.assert_allclose(counts, expected, atol=4 * np.sqrt(0.25 / 4000))
    cold = (np.asarray(drawn(1e-3)["image"]) > 0).reshape(4000, -1)
    assert (cold == cold[0]).all()


def test_nats_are_of_the_codes_alone():
    method = make(prefix=functools.partial(class_prefix, codes=2), conditions=("label",))
    nets = random_nets(method, {"tokens": EVERY, "label": np.zeros(16, np.int32)})
    found = [
        np.asarray(method.nats(nets, {"tokens": EVERY, "label": np.full(16, label, np.int32)}, None), np.float64)
        for label in (0, 2)
    ]
    # The other tokens have shares too.
    assert np.exp(-found[0]).sum() < 1 and np.abs(found[0] - found[1]).min() > 1e-4


def test_a_map_s_ids_come_first():
    ids = np.arange(32).reshape(1, 4, 8, 1)
    found = map_prefix({"map": ids}, field="map", grid=(2, 4), codes=100)
    np.testing.assert_array_equal(found, 100 + ids[:, 1::2, 1::2, 0].reshape(1, -1))
    assert begin_prefix({"tokens": np.zeros((3, 4), np.int32)}, codes=7).tolist() == [[7]] * 3


def test_the_upper_rows_of_a_picture_are_kept():
    method = make()
    nets = random_nets(method, {"tokens": EVERY})
    image = RNG.integers(0, 2, (16, 2, 2, 1), np.uint8) * 255
    keys = jax.random.split(jax.random.key(2), 16)
    drawn = jax.jit(
        lambda rows: method.sample(
            nets, {"key": keys, "image": image, "options": {**DEFAULTS, "kept_rows": rows}}, None
        )
    )
    true = np.where(image > 0, 1.0, -1.0)
    half = np.asarray(drawn(1)["image"])
    np.testing.assert_array_equal(half[:, 0], true[:, 0])
    assert (half != true).any()
    np.testing.assert_array_equal(drawn(2)["image"], true)


@pytest.mark.parametrize("size", [pytest.param((2, 2), marks=pytest.mark.slow), (3, 4)])
def test_a_larger_map_is_drawn_code_by_code_in_windows_of_the_training_grid_s_size(size):
    """At a low temperature, the likeliest code each time; by windows that are cut by hand."""
    network = Transformer(vocabulary=5, prefix=4, grid=(2, 2), layers=2, heads=2, dim=8)
    prefix = functools.partial(map_prefix, field="map", grid=(2, 2), codes=2)
    method = make(prefix=prefix, conditions=("map",), network=network)
    maps = RNG.integers(0, 3, (8, *size, 1)).astype(np.int32)
    nets = random_nets(method, {"tokens": EVERY[:8], "map": maps[:, :2, :2]})
    batch = {
        "map": jnp.asarray(maps),
        "key": jax.random.split(jax.random.key(2), 8),
        "options": {**DEFAULTS, "temperature": 1e-6},
    }
    drawn = (np.asarray(jax.jit(lambda: method.sample(nets, batch, None))()["image"])[..., 0] > 0).astype(int)
    assert drawn.shape == (8, *size) and 0 < drawn.mean() < 1
    run = jax.jit(lambda tokens: network.apply(nets["p"], tokens, train=False))
    for row, column in np.ndindex(*size):
        top, left = min(max(row - 1, 0), size[0] - 2), min(max(column - 1, 0), size[1] - 2)
        part = np.s_[:, top : top + 2, left : left + 2]
        tokens = np.concatenate([2 + maps[part].reshape(8, 4), drawn[part].reshape(8, 4)], axis=1)
        number = (row - top) * 2 + column - left
        np.testing.assert_array_equal(drawn[:, row, column], run(tokens)[:, 4 + number - 1, :2].argmax(-1))


@pytest.mark.slow
def test_images_without_a_map_are_as_tall_and_wide_as_is_said_and_smaller_inputs_are_refused():
    method = make()
    nets = random_nets(method, {"tokens": EVERY})
    keys = jax.random.split(jax.random.key(2), 5)

    def drawn(keys, **options):
        return method.sample(nets, {"key": keys, "options": {**DEFAULTS, **options}}, None)["image"]

    wide = jax.jit(lambda keys: drawn(keys, wide=3))(keys)
    assert wide.shape == (5, 2, 6, 1) and jax.eval_shape(lambda: drawn(keys, tall=2)).shape == (5, 4, 2, 1)
    # A row is drawn of its own key.
    np.testing.assert_array_equal(wide[3:4], jax.jit(lambda keys: drawn(keys, wide=3))(keys[3:4]))
    with pytest.raises(UserError, match=r"an input of 2 x 1 pixels \(image\): the transformer draws 2 x 2 or more"):
        method.sample(nets, {"key": keys, "options": DEFAULTS, "image": np.zeros((5, 2, 1, 1), np.uint8)}, None)


@pytest.mark.slow
def test_the_best_of_several_is_drawn():
    def bright(nets, images, prefix):
        return images.mean((1, 2, 3))

    method = make(ranker=bright)
    nets = random_nets(method, {"tokens": EVERY})
    keys = jax.random.split(jax.random.key(3), 64)

    def drawn(candidates):
        batch = {"key": keys, "options": {**DEFAULTS, "candidates": candidates}}
        return np.asarray(method.sample(nets, batch, None)["image"]).mean((1, 2, 3))

    one, many = drawn(1), drawn(16)
    assert many.mean() > one.mean() + 0.3
    assert "candidates" not in make().options


@pytest.mark.slow
def test_random_tokens_in_place_of_some_change_the_step_and_the_prefix_has_its_weight():
    batch = {"tokens": EVERY, "prefix": np.pad(EVERY[:, :2], ((0, 0), (1, 0)), constant_values=4)}
    network = Transformer(vocabulary=5, prefix=3, grid=(2, 2), layers=1, heads=2, dim=8)
    made = {
        name: make(network=network, prefix=lambda batch: batch["prefix"], **changes)
        for name, changes in {
            "plain": {},
            "kept": {"keep": 0.5},
            "weighed": {"prefix_weight": 0.25, "image_weight": 0.75},
        }.items()
    }
    state = jax.jit(made["plain"].init)(jax.random.key(0), batch)
    found = {name: jax.jit(method.step)(state, batch, jax.random.key(1))[1] for name, method in made.items()}
    assert found["plain"]["p/loss"] != found["kept"]["p/loss"]
    weighed = found["weighed"]
    by_hand = 0.25 * weighed["p/nats_per_prefix_token"] + 0.75 * weighed["p/nats_per_code"]
    assert weighed["p/loss"] == pytest.approx(float(by_hand), rel=1e-5)
    assert weighed["p/nats_per_code"] == pytest.approx(float(found["plain"]["p/loss"]), rel=1e-5)
