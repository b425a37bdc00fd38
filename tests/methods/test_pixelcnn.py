"""PixelCNN: probabilities that sum to 1, causality by gradients, and drawing that equals the parallel pass."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan.methods.pixelcnn import Autoregressive
from jaxgan.networks.pixelcnn import PixelCNN

RNG = np.random.default_rng(0)


def network(**changes):
    return PixelCNN(**dict(levels=2, channels=1, ch=4, layers=2, kernel=3, first_kernel=5, hidden=6) | changes)


def random_variables(net, shape, labels=None, scale=0.7):
    values = np.zeros((2, *shape), np.int32)
    labels = np.zeros(2, np.int32) if labels is None else labels
    told = np.zeros((2, *shape[:2], net.context), np.float32) if net.context else None
    shapes = jax.eval_shape(lambda key: net.init(key, values, labels, told, train=False), jax.random.key(0))
    rng = np.random.default_rng(1)
    return jax.tree.map(lambda x: jnp.asarray(rng.normal(0, scale, x.shape), jnp.float32), shapes)


def method_of(net, shape, **changes):
    settings = dict(network=net, optimizers={"p": optax.sgd(0.1)}, levels=net.levels, image_shape=shape)
    return Autoregressive(**settings | changes)


CODES = dict(embed=3, attention_every=1, heads=2)


@pytest.mark.parametrize("options", [{}, CODES], ids=["pixels", "codes"])
@pytest.mark.parametrize(
    ("shape", "levels"),
    [
        ((1, 2, 2), 3),
        *(pytest.param(*row, marks=pytest.mark.slow) for row in [((2, 2, 1), 2), ((3, 3, 1), 2), ((2, 1, 3), 2)]),
    ],
)
def test_the_probabilities_of_all_images_sum_to_1(shape, levels, options):
    net = network(levels=levels, channels=shape[-1], **options)
    variables, size = random_variables(net, shape), int(np.prod(shape))
    every = np.array(list(itertools.product(range(levels), repeat=size)), np.int32).reshape(-1, *shape)
    logits = net.apply(variables, every, np.zeros(len(every), np.int32), train=False)
    each = jax.nn.log_softmax(logits)
    chosen = np.take_along_axis(np.asarray(each, np.float64), every[..., None], -1)[..., 0].reshape(len(every), -1)
    assert np.exp(chosen.sum(1)).sum() == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(
    "options", [dict(layers=4, hidden=32), dict(layers=1, kernel=1, first_kernel=3, hidden=32, **CODES)]
)
def test_every_pixel_and_channel_sees_all_before_it_and_nothing_else(options):
    """By windows that reach everywhere, or by attention where they do not; of four draws of weights, some of which have
    gates that hear nothing.
    """
    shape = (4, 5, 3)
    net = network(levels=4, channels=3, **options)
    values = RNG.integers(0, 4, (1, *shape))
    order = np.arange(np.prod(shape)).reshape(shape)
    run = jax.jit(lambda variables, values: net.apply(variables, values, np.zeros(1, np.int32), train=False)[0])
    drawn = [random_variables(net, shape, scale=scale) for scale in (0.2, 0.3, 0.5, 0.7)]
    wholes = [np.asarray(run(variables, values)) for variables in drawn]
    for place in np.ndindex(*shape):
        changed = values.copy()
        changed[0][place] = (changed[0][place] + 2) % 4
        moved = [np.abs(run(variables, changed) - whole).max(-1) for variables, whole in zip(drawn, wholes)]
        seen = np.max(moved, axis=0) > 0
        assert not seen[order <= order[place]].any(), f"{place} is seen by itself or by those before it"
        assert seen[order > order[place]].all(), f"{place} is not seen by all after it"


@pytest.mark.parametrize(
    ("channels", "classes", "options"),
    [
        (3, 0, {}),
        (1, 3, CODES | {"context": 2}),
        *(pytest.param(*row, marks=pytest.mark.slow) for row in [(1, 0, {}), (1, 3, {}), (2, 0, CODES)]),
    ],
)
def test_drawing_pixel_by_pixel_is_the_parallel_pass(channels, classes, options):
    """At a low temperature, the likeliest level each time: each drawn pixel is the parallel pass's choice."""
    shape = (5, 4, channels)
    net = network(levels=3, channels=channels, num_classes=classes, layers=3, **options)
    labels = np.array([0, 2, 1, 2], np.int32) if classes else np.zeros(4, np.int32)
    variables = random_variables(net, shape, labels[:2])
    keys = jax.random.split(jax.random.key(0), 4)
    told = jnp.asarray(RNG.normal(size=(4, 5, 4, net.context)), jnp.float32) if net.context else None
    nothing = jnp.full((4, *shape), -1, jnp.int32)
    drawn = net.apply(variables, keys, labels, shape[:2], jnp.float32(1e-6), nothing, told, method="draw")
    logits = net.apply(variables, drawn, labels, told, train=False)
    np.testing.assert_array_equal(drawn, np.asarray(logits).argmax(-1))
    # What is given stays, and the rest follows it.
    given = nothing.at[:, :2].set(jnp.asarray(RNG.integers(0, 3, (4, 2, 4, channels)), jnp.int32))
    completed = net.apply(variables, keys, labels, shape[:2], jnp.float32(1e-6), given, told, method="draw")
    np.testing.assert_array_equal(completed[:, :2], given[:, :2])
    logits = net.apply(variables, completed, labels, told, train=False)
    np.testing.assert_array_equal(completed[:, 2:], np.asarray(logits).argmax(-1)[:, 2:])


def test_draws_have_the_model_s_frequencies():
    shape = (2, 2, 1)
    net = network()
    method, variables = method_of(net, shape), random_variables(net, shape)
    keys = jax.random.split(jax.random.key(1), 4000)
    batch = {"key": keys, "options": {"temperature": 1.0, "kept_rows": 0}}
    images = np.asarray(method.sample({"p": variables}, batch, keys[0])["image"])
    bits = (images > 0).reshape(len(images), -1).astype(int)
    every = np.array(list(itertools.product(range(2), repeat=4)), np.uint8).reshape(-1, *shape) * 255
    nats = method.nats({"p": variables}, {"image": every}, keys[0])
    probabilities = np.exp(-np.asarray(nats, np.float64))
    counts = np.bincount(bits @ [8, 4, 2, 1], minlength=16) / len(bits)
    np.testing.assert_allclose(counts, probabilities, atol=4 * np.sqrt(0.25 / len(bits)))


@pytest.mark.slow
def test_a_row_is_drawn_of_its_own_key():
    net = network(levels=4)
    method, variables = method_of(net, (3, 3, 1)), random_variables(net, (3, 3, 1))
    keys = jax.random.split(jax.random.key(2), 6)

    def drawn(keys):
        return method.sample({"p": variables}, {"key": keys, "options": {"temperature": 1.0, "kept_rows": 0}}, keys[0])[
            "image"
        ]

    np.testing.assert_array_equal(drawn(keys)[3:], drawn(keys[3:]))


def test_the_upper_rows_of_a_picture_are_kept():
    net = network(levels=4)
    method, variables = method_of(net, (4, 4, 1)), random_variables(net, (4, 4, 1))
    image = RNG.integers(0, 256, (3, 4, 4, 1), np.uint8)
    given = {"key": jax.random.split(jax.random.key(2), 3), "image": image}
    options = {"temperature": 1.0, "kept_rows": 2}
    drawn = method.sample({"p": variables}, {**given, "options": options}, given["key"][0])["image"]
    np.testing.assert_allclose(drawn[:, :2], (image[:, :2] // 64) * (2 / 3) - 1, atol=1e-6)
    assert np.abs(drawn[:, 2:] - ((image[:, 2:] // 64) * (2 / 3) - 1)).max() > 0.1


def test_even_windows_are_refused():
    with pytest.raises(ValueError, match="kernel=4, first_kernel=5: windows have odd sides"):
        random_variables(network(kernel=4), (3, 3, 1))
    with pytest.raises(ValueError, match="ch=4 is no multiple of heads=3"):
        random_variables(network(attention_every=1, heads=3), (3, 3, 1))
