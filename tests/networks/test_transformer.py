"""The transformer over tokens: published sizes, masks, causality, drawing token by token, top-k and top-p."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.networks.transformer import MASKS, Transformer, choose_token, layer_mask

SETTINGS = dict(vocabulary=11, prefix=2, grid=(3, 4), layers=4, heads=2, dim=8, window=3)
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def network():
    return Transformer(**SETTINGS, masks=("row", "column", "convolution", "full"))


@pytest.fixture(scope="module")
def variables(network):
    tokens = jnp.zeros((1, network.length), jnp.int32)
    shapes = jax.eval_shape(lambda: network.init(jax.random.key(0), tokens, train=True))
    return jax.tree.map(lambda x: jnp.asarray(RNG.normal(0, 0.4, x.shape), jnp.float32), shapes)


def test_parameters_are_as_published():
    """24 layers of 1,024 over 512 places and 1,024 codes: taming-transformers' faces."""
    network = Transformer(1024, prefix=257, grid=(16, 16))
    tokens = jnp.zeros((1, network.length), jnp.int32)
    shapes = jax.eval_shape(lambda: network.init(jax.random.key(0), tokens, train=True))
    assert sum(leaf.size for leaf in jax.tree.leaves(shapes)) == 304_932_864


@pytest.mark.parametrize("kind", MASKS)
def test_masks_see_the_prefix_and_what_their_name_says(kind):
    mask = layer_mask(kind, 2, (3, 4), window=3)
    assert mask.shape == (14, 14) and not np.triu(mask, 1).any() and mask.diagonal().all() and mask[2:, :2].all()
    seen = {tuple(divmod(place - 2, 4)) for place in np.flatnonzero(mask[2 + 4 * 1 + 2]) if place >= 2}
    before = {(0, 0), (0, 1), (0, 2), (0, 3), (1, 0), (1, 1), (1, 2)}
    assert (
        seen
        == {
            "full": before,
            "row": {(0, 3), (1, 0), (1, 1), (1, 2)},
            "column": {(0, 2), (1, 2)},
            "convolution": {(0, 1), (0, 2), (0, 3), (1, 1), (1, 2)},
        }[kind]
    )


def test_a_token_is_seen_by_all_after_it_and_by_none_before(network, variables):
    run = jax.jit(lambda tokens: network.apply(variables, tokens, train=False)[0])
    tokens = RNG.integers(0, 11, (1, 14))
    whole = run(tokens)
    assert whole.shape == (13, 11)
    for place in range(13):
        changed = tokens.copy()
        changed[0, place] = (changed[0, place] + 3) % 11
        seen = np.abs(run(changed) - whole).max(-1) > 0
        assert not seen[:place].any() and seen[place:].all(), place


def test_drawing_token_by_token_is_the_parallel_pass(network, variables):
    """The likeliest each time."""
    given = np.full((3, 14), -1)
    given[:, :2], given[2, 2:7] = RNG.integers(0, 11, (3, 2)), RNG.integers(0, 11, 5)
    keys = jax.random.split(jax.random.key(0), 3)

    def likeliest(keys, logits, place):
        return logits.argmax(-1)

    drawn = jax.jit(lambda given: network.apply(variables, keys, given, likeliest, method="draw"))(given)
    expected = np.asarray(jax.jit(lambda x: network.apply(variables, x, train=False))(drawn)).argmax(-1)
    free = given[:, 1:] < 0
    np.testing.assert_array_equal(drawn[:, 1:][free], expected[free])
    np.testing.assert_array_equal(drawn[given >= 0], given[given >= 0])


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ({}, {1, 2, 3, 4}),
        ({"top_k": 2}, {2, 4}),
        ({"top_k": 9}, {1, 2, 3, 4}),
        ({"top_p": 0.55}, {2, 4}),
        ({"top_p": 0.0}, {4}),
        ({"top_p": 0.85, "top_k": 1}, {4}),
        ({"first": 2, "top_k": 3}, {2, 3, 4}),
    ],
)
def test_only_the_likeliest_are_drawn(options, kept):
    """Of 0.5, 0.3, 0.15 and 0.05 for 4, 2, 3 and 1; 0 and 5 are outside."""
    logits = jnp.log(jnp.array([9.0, 0.05, 0.3, 0.15, 0.5, 9.0]))
    settings = dict(temperature=1.0, top_k=0, top_p=1.0, first=1, end=5) | options
    keys = jax.random.split(jax.random.key(0), 400)
    drawn = choose_token(keys, jnp.tile(logits, (400, 1)), **settings)
    assert set(np.unique(drawn)) == kept


def test_what_does_not_fit_is_refused(network, variables):
    with pytest.raises(ValueError, match=r"prefix=2 and grid=\(3, 4\) has 14 tokens, got 13"):
        network.apply(variables, jnp.zeros((1, 13), jnp.int32), train=False)
    for changes, message in (
        (dict(prefix=0), "prefix=0: give at least 1"),
        (dict(heads=3), "dim=8 is no multiple of heads=3"),
        (dict(masks=("rows",)), "mask 'rows'; choose from full, row, column, convolution"),
    ):
        wrong = Transformer(**SETTINGS | changes)
        with pytest.raises(ValueError, match=message):
            wrong.init(jax.random.key(0), jnp.zeros((1, wrong.length), jnp.int32), train=True)
