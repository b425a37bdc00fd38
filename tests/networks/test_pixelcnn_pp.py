"""PixelCNN++: parameters as published, causality, probabilities that sum to 1, drawing that equals the parallel pass,
initialisation on data.
"""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan.methods.pixelcnn import Autoregressive
from jaxgan.networks.pixelcnn_pp import PixelCNNPlusPlus
from jaxgan.objectives.logistic_mixture import draw_from_mixture, logistic_mixture_nats

RNG = np.random.default_rng(0)


def network(**changes):
    small = dict(levels=4, channels=1, ch=4, blocks=1, sides=2, components=2, dropout=0.0)
    return PixelCNNPlusPlus(**small | changes)


def drawn_variables(net, shape, scale=0.5):
    """Weights that pass everything on: none is initialised on data."""
    values, labels = np.zeros((2, *shape), np.int32), np.zeros(2, np.int32)
    shapes = jax.eval_shape(lambda key: net.init(key, values, labels, train=False), jax.random.key(0))
    rng = np.random.default_rng(1)
    return jax.tree.map(lambda x: jnp.asarray(rng.normal(0, scale, x.shape), jnp.float32), shapes)


@pytest.mark.parametrize(("classes", "count"), [(0, 53_659_080), (10, 53_863_880)])
def test_parameters_are_as_published(classes, count):
    net = PixelCNNPlusPlus(num_classes=classes)
    values, labels = np.zeros((1, 32, 32, 3), np.int32), np.zeros(1, np.int32)
    shapes = jax.eval_shape(lambda key: net.init(key, values, labels, train=False), jax.random.key(0))
    assert sum(x.size for x in jax.tree.leaves(shapes)) == count, "openai/pixel-cnn at its defaults"


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((2, 2, 1), dict(levels=3)),
        pytest.param((1, 2, 2), dict(sides=1), marks=pytest.mark.slow),
        pytest.param((1, 1, 3), dict(sides=1), marks=pytest.mark.slow),
    ],
)
def test_the_probabilities_of_all_images_sum_to_1(shape, options):
    net = network(channels=shape[-1], **options)
    variables, size = drawn_variables(net, shape), int(np.prod(shape))
    every = np.array(list(itertools.product(range(net.levels), repeat=size)), np.int32).reshape(-1, *shape)
    outputs = jax.jit(lambda x: net.apply(variables, x, np.zeros(len(x), np.int32), train=False))(every)
    nats = logistic_mixture_nats(outputs, every, count=net.levels)
    assert np.exp(-np.asarray(nats, np.float64)).sum() == pytest.approx(1, abs=1e-4)


def test_no_pixel_sees_itself_or_what_comes_after_and_all_near_ones_see_it():
    shape = (8, 8, 2)
    net = network(channels=2, ch=8, sides=3)
    run = jax.jit(lambda variables, x: net.apply(variables, x, np.zeros(1, np.int32), train=False)[0])
    values = RNG.integers(0, 4, (1, *shape))
    order = np.arange(64).reshape(8, 8)
    drawn = [drawn_variables(net, shape, scale) for scale in (0.3, 0.6)]
    wholes = [np.asarray(run(variables, values)) for variables in drawn]
    for row, column, channel in np.ndindex(*shape):
        changed = values.copy()
        changed[0, row, column, channel] = (changed[0, row, column, channel] + 2) % 4
        moved = [np.abs(run(variables, changed) - whole).max(-1) for variables, whole in zip(drawn, wholes)]
        seen = np.max(moved, axis=0) > 0
        assert not seen[order <= order[row, column]].any(), (row, column)
        near = seen[row, column + 1 : column + 3], seen[row + 1 : row + 3, max(column - 2, 0) : column + 3]
        assert all(part.all() for part in near), (row, column)


@pytest.mark.parametrize(
    ("channels", "classes", "sides", "shape"),
    [
        pytest.param(3, 3, 2, (4, 6), marks=pytest.mark.slow),
        pytest.param(1, 0, 3, (8, 4), marks=pytest.mark.slow),
        pytest.param(2, 0, 1, (3, 5), marks=pytest.mark.slow),
    ],
)
def test_drawing_pixel_by_pixel_is_the_parallel_pass(channels, classes, sides, shape):
    """Each drawn pixel is what its key draws of the mixture that the parallel pass gives for the whole image."""
    net = network(channels=channels, num_classes=classes, sides=sides, levels=16)
    labels, keys = np.array([0, 2, 1], np.int32), jax.random.split(jax.random.key(0), 3)
    variables = drawn_variables(net, (*shape, channels), 0.4)
    given = np.full((3, *shape, channels), -1, np.int32)
    given[2, :2] = RNG.integers(0, 16, (2, shape[1], channels))

    @jax.jit
    def draw(given):
        return net.apply(variables, keys, labels, shape, jnp.float32(0.8), given, method="draw")

    drawn = np.asarray(draw(given))
    outputs = np.asarray(jax.jit(lambda x: net.apply(variables, x, labels, train=False))(drawn))
    expected = np.zeros_like(drawn)

    @jax.jit
    def choose(outputs, given, place):
        own = jax.vmap(jax.random.fold_in, (0, None))(keys, place)
        return draw_from_mixture(own, outputs, given, jnp.float32(0.8), count=16)

    for place, (row, column) in enumerate(np.ndindex(*shape)):
        expected[:, row, column] = choose(outputs[:, row, column], given[:, row, column], place)
    np.testing.assert_array_equal(drawn, expected)
    assert len(np.unique(drawn[:2])) > 8


@pytest.mark.slow
def test_training_begins_with_outputs_of_unit_variance_on_its_first_batch():
    net = network(levels=256, channels=3, ch=8)
    method = Autoregressive(
        network=net, optimizers={"p": optax.adam(1e-3)}, levels=256, image_shape=(8, 8, 3), data_dependent=True,
        nats_of=logistic_mixture_nats,
    )  # fmt: skip
    batch = {"image": jnp.asarray(RNG.integers(0, 256, (16, 8, 8, 3), np.uint8))}
    assert method.prepares_stage
    shapes = jax.eval_shape(method.init, jax.random.key(0), batch)
    state = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)
    state = state.replace(ema={"p": state.nets["p"]})
    state = jax.jit(method.begin_stage)(state, batch, jax.random.key(1))
    values, labels = batch["image"].astype(np.int32), np.zeros(16, np.int32)
    kept = {"capture_intermediates": True, "mutable": ["intermediates"]}
    outputs, first = jax.jit(lambda p: net.apply(p, values, labels, train=False, **kept))(state.nets["p"])
    np.testing.assert_allclose(outputs.mean((0, 1, 2)), 0, atol=1e-3)
    np.testing.assert_allclose(outputs.std((0, 1, 2)), 1, atol=1e-3)
    found = first["intermediates"]["left_up_0_1"]
    np.testing.assert_allclose(found["first"]["__call__"][0].std((0, 1, 2)), 1, atol=1e-2)
    np.testing.assert_allclose(found["second"]["__call__"][0].std((0, 1, 2)), 0.1, atol=1e-3)
    for one, other in zip(jax.tree.leaves(state.nets), jax.tree.leaves(state.ema)):
        np.testing.assert_array_equal(one, other)


def test_sides_that_cannot_be_halved_are_refused():
    with pytest.raises(ValueError, match=r"images of \(6, 4\): sides must be multiples of 4"):
        drawn_variables(network(sides=3), (6, 4, 1))
