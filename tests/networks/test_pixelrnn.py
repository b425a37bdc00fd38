"""PixelRNN, of rows and of diagonals: probabilities that sum to 1, causality, drawing that equals the parallel pass."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.networks.pixelrnn import KINDS, PixelRNN

RNG = np.random.default_rng(0)


def network(kind, **changes):
    return PixelRNN(**dict(levels=2, channels=1, ch=4, layers=2, first_kernel=3, hidden=16, kind=kind) | changes)


def random_variables(net, shape, scale=0.5):
    values, labels = np.zeros((2, *shape), np.int32), np.zeros(2, np.int32)
    shapes = jax.eval_shape(lambda key: net.init(key, values, labels, train=False), jax.random.key(0))
    rng = np.random.default_rng(1)
    return jax.tree.map(lambda x: jnp.asarray(rng.normal(0, scale, x.shape), jnp.float32), shapes)


@pytest.mark.parametrize("kind", KINDS)
def test_the_probabilities_of_all_images_sum_to_1(kind):
    net, shape = network(kind), (3, 3, 1)
    variables = random_variables(net, shape)
    every = np.array(list(itertools.product(range(2), repeat=9)), np.int32).reshape(-1, *shape)
    logits = jax.jit(lambda x: net.apply(variables, x, np.zeros(len(x), np.int32), train=False))(every)
    each = jax.nn.log_softmax(logits)
    chosen = np.take_along_axis(np.asarray(each, np.float64), every[..., None], -1)[..., 0].reshape(len(every), -1)
    assert np.exp(chosen.sum(1)).sum() == pytest.approx(1, abs=1e-4)


def expected(kind, below, right, *, last):
    """Whether a pixel is seen so many rows below and columns to the right. Rows' LSTMs see a triangle; diagonals all
    before, but a row's last pixel, which no feature of its own row holds, one row later than the others.
    """
    if kind == "row":
        return below > 0 and abs(right) <= below
    return below > (1 if last else 0) or (below == 0 and right > 0)


@pytest.mark.parametrize("kind", KINDS)
def test_no_pixel_sees_itself_or_what_comes_after_and_diagonals_see_all_before(kind):
    shape = (4, 5, 2)
    net = network(kind, levels=4, channels=2, layers=1, hidden=32)
    values = RNG.integers(0, 4, (1, *shape))
    order = np.arange(np.prod(shape)).reshape(shape)
    run = jax.jit(lambda variables, values: net.apply(variables, values, np.zeros(1, np.int32), train=False)[0])
    drawn = [random_variables(net, shape, scale) for scale in (0.3, 0.5, 0.8)]
    wholes = [np.asarray(run(variables, values)) for variables in drawn]
    for place in np.ndindex(*shape):
        changed = values.copy()
        changed[0][place] = (changed[0][place] + 2) % 4
        moved = [np.abs(run(variables, changed) - whole).max(-1) for variables, whole in zip(drawn, wholes)]
        seen = np.max(moved, axis=0) > 0
        assert not seen[order <= order[place]].any(), place
        row, column, _ = place
        for other in np.ndindex(*shape[:2]):
            if expected(kind, other[0] - row, other[1] - column, last=column == shape[1] - 1):
                assert seen[other].all(), (place, other)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("channels", "classes"), [(1, 3), (2, 0)])
def test_drawing_pixel_by_pixel_is_the_parallel_pass(kind, channels, classes):
    """At a low temperature, the likeliest level each time."""
    shape = (4, 3, channels)
    net = network(kind, levels=3, channels=channels, num_classes=classes)
    labels = np.array([0, 2, 1], np.int32)
    variables, keys = random_variables(net, shape), jax.random.split(jax.random.key(0), 3)
    given = jnp.full((3, *shape), -1, jnp.int32).at[2, :2].set(jnp.asarray(RNG.integers(0, 3, (2, 3, channels))))

    @jax.jit
    def draw(given):
        return net.apply(variables, keys, labels, shape[:2], jnp.float32(1e-6), given, method="draw")

    drawn = np.asarray(draw(given))
    logits = np.asarray(jax.jit(lambda x: net.apply(variables, x, labels, train=False))(drawn))
    free = np.asarray(given) < 0
    np.testing.assert_array_equal(drawn[free], logits.argmax(-1)[free])
    np.testing.assert_array_equal(drawn[~free], np.asarray(given)[~free])


def test_other_kinds_and_even_windows_are_refused():
    with pytest.raises(ValueError, match="kind='column'; choose from row, diagonal"):
        random_variables(network("column"), (3, 3, 1))
    with pytest.raises(ValueError, match="first_kernel=4: windows have odd sides"):
        random_variables(network("row", first_kernel=4), (3, 3, 1))
