import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import traverse_util

from jaxgan.networks.mlp import Discriminator, Generator, maxout

RNG = np.random.default_rng(0)
Z = RNG.normal(size=(4, 6)).astype(np.float32)
LABELS = np.array([0, 2, 1, 2], np.int32)
IMAGES = RNG.uniform(-1, 1, size=(4, 4, 4, 1)).astype(np.float32)
POINTS = RNG.normal(size=(4, 2)).astype(np.float32)
TINY_G = Generator(z_dim=6, image_shape=(4, 4, 1), hidden=(8, 7))
TINY_D = Discriminator(hidden=(5, 4), pieces=(3, 2))


def shapes(network, first):
    init = functools.partial(network.init_with_output, train=False)
    labels = jax.ShapeDtypeStruct((2,), jnp.int32)
    out, variables = jax.eval_shape(init, jax.random.key(0), jax.ShapeDtypeStruct((2, *first), jnp.float32), labels)
    params = traverse_util.flatten_dict(variables["params"], sep="/")
    return out, {path: leaf.shape for path, leaf in params.items()}


@functools.cache
def compiled(network, train):
    """Output and state, and the gradient of the output's mean square in all parameters."""

    def loss(params, rest, first, labels, seed):
        rngs = {"dropout": jax.random.key(seed)} if train else None
        mutable = [*rest, "features"] if train else ["features"]
        out, _ = network.apply({"params": params, **rest}, first, labels, train=train, rngs=rngs, mutable=mutable)
        return jnp.square(out).mean(), out

    return jax.jit(jax.value_and_grad(loss, has_aux=True))


def run(network, first, labels=LABELS, *, train=False, seed=0):
    """Output, and the gradients, under random variables drawn in numpy: compiling an init takes longer."""
    rng = np.random.default_rng(1)
    init = functools.partial(network.init, train=False)
    shapes = traverse_util.flatten_dict(jax.eval_shape(init, jax.random.key(0), first, labels))
    values = {path: rng.normal(size=leaf.shape).astype(np.float32) for path, leaf in shapes.items()}
    values |= {path: np.ones_like(v) for path, v in values.items() if path[-1] in ("var", "scale")}
    variables = traverse_util.unflatten_dict({path: v for path, v in values.items() if path[0] != "features"})
    (_, out), grads = compiled(network, train)(variables.pop("params"), variables, first, labels, seed)
    grads = traverse_util.flatten_dict(grads, sep="/")
    assert not [path for path, leaf in grads.items() if not np.isfinite(leaf).all()]
    return np.asarray(out), grads


def test_the_first_gans_networks_are_goodfellows():
    out, g = shapes(Generator(), (100,))
    assert out.shape == (2, 28, 28, 1) and out.dtype == jnp.float32
    assert {k: v for k, v in g.items() if k.endswith("kernel")} == {
        "hidden_0/kernel": (100, 1200),
        "hidden_1/kernel": (1200, 1200),
        "to_image/kernel": (1200, 784),
    }
    out, d = shapes(Discriminator(dropout=0.5, input_dropout=0.2), (28, 28, 1))
    assert out.shape == (2,) and out.dtype == jnp.float32
    assert {k: v for k, v in d.items() if k.endswith("kernel")} == {
        "hidden_0/kernel": (784, 240 * 5),
        "hidden_1/kernel": (240, 240 * 5),
        "head/linear/kernel": (240, 1),
    }


def test_the_conditional_gans_networks_are_mirzas():
    conditional = dict(num_classes=10, conditioning="concat", dropout=0.5)
    _, g = shapes(Generator(hidden=(200, 1200), label_hidden=1000, **conditional), (100,))
    assert {k: v for k, v in g.items() if k.endswith("kernel")} == {
        "hidden_0/kernel": (100, 200),
        "label/kernel": (10, 1000),
        "hidden_1/kernel": (1200, 1200),
        "to_image/kernel": (1200, 784),
    }
    _, d = shapes(Discriminator(hidden=(240, 240), pieces=(5, 4), label_hidden=50, **conditional), (28, 28, 1))
    assert {k: v for k, v in d.items() if k.endswith("kernel")} == {
        "hidden_0/kernel": (784, 240 * 5),
        "label/kernel": (10, 50 * 5),
        "hidden_1/kernel": (290, 240 * 4),
        "head/linear/kernel": (240, 1),
    }


def test_a_maxout_discriminator_is_the_formula():
    variables = TINY_D.init(jax.random.key(1), IMAGES, LABELS, train=False)
    p = jax.tree.map(lambda x: np.asarray(x, np.float64), variables["params"])
    h = IMAGES.reshape(4, -1).astype(np.float64)
    for layer, units, pieces in (("hidden_0", 5, 3), ("hidden_1", 4, 2)):
        wide = h @ p[layer]["kernel"] + p[layer]["bias"]
        h = np.stack([wide[:, u * pieces : (u + 1) * pieces].max(1) for u in range(units)], 1)
    expected = (h @ p["head"]["linear"]["kernel"])[:, 0]
    logits, state = TINY_D.apply({"params": variables["params"]}, IMAGES, LABELS, train=False, mutable=["features"])
    np.testing.assert_allclose(logits, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(state["features"]["last"], h, rtol=1e-5, atol=1e-6)


def test_maxout_takes_the_largest_of_neighbours():
    np.testing.assert_array_equal(maxout(jnp.array([[1.0, 5.0, -2.0, -3.0]]), 2), [[5.0, -2.0]])


@pytest.mark.parametrize(
    "changes",
    [
        {},
        dict(conditioning="concat", num_classes=3),
        dict(conditioning="concat", num_classes=3, label_hidden=3, dropout=0.3),
        dict(conditioning="cbn", num_classes=3, batch_norm=True, spectral_norm=True),
        dict(num_classes=3, activation="tanh", batch_norm=True),
        dict(activation="leaky_relu", spectral_norm=True),
    ],
)
def test_generators(changes):
    network = TINY_G.clone(**changes)
    images, grads = run(network, Z, train=True)
    assert images.shape == (4, 4, 4, 1) and images.dtype == np.float32
    assert np.abs(images).max() <= 1
    assert all(np.abs(leaf).max() > 0 for path, leaf in grads.items() if path.endswith("kernel"))
    moved = np.abs(images - run(network, Z, (LABELS + 1) % 3, train=True)[0]).max() > 1e-6
    assert moved == (network.conditioning != "none")


@pytest.mark.parametrize(("conditioning", "label_hidden"), [("concat", 0), ("concat", 3), ("cbn", 0)])
def test_mixtures_of_classes(conditioning, label_hidden):
    network = TINY_G.clone(num_classes=3, batch_norm=True, conditioning=conditioning, label_hidden=label_hidden)
    weights = np.eye(3, dtype=np.float32)[LABELS]
    np.testing.assert_allclose(run(network, Z)[0], run(network, Z, weights)[0], atol=1e-5)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        dict(conditioning="concat", num_classes=3),
        dict(conditioning="concat", num_classes=3, label_hidden=3, batch_norm=True),
        dict(conditioning="projection", num_classes=3, spectral_norm=True, activation="relu"),
        dict(activation="leaky_relu", batch_norm=True, dropout=0.2, num_classes=3),
        dict(activation="tanh", spectral_norm=True, input_dropout=0.2),
    ],
)
def test_discriminators(changes):
    network = TINY_D.clone(**changes)
    first = POINTS if network.activation == "maxout" else IMAGES
    logits, grads = run(network, first, train=True)
    assert logits.shape == (4,) and logits.dtype == np.float32
    assert all(np.abs(leaf).max() > 0 for path, leaf in grads.items() if path.endswith("kernel"))
    moved = np.abs(logits - run(network, first, (LABELS + 1) % 3, train=True)[0]).max() > 1e-6
    assert moved == (network.conditioning != "none")


def test_points_are_not_bounded():
    network = Generator(z_dim=6, image_shape=(2,), hidden=(8,))
    points, _ = run(network, 50 * Z)
    assert points.shape == (4, 2)
    assert np.abs(points).max() > 1
    assert np.abs(run(network.clone(output="tanh"), 50 * Z)[0]).max() <= 1


def test_units_are_dropped_in_training_alone():
    for network, first in [(TINY_G.clone(dropout=0.5), Z), (TINY_D.clone(input_dropout=0.5), IMAGES)]:
        np.testing.assert_array_equal(run(network, first, seed=0)[0], run(network, first, seed=1)[0])
        assert np.abs(run(network, first, train=True, seed=0)[0] - run(network, first, train=True, seed=1)[0]).max() > 0


def test_bfloat16_computes_with_float32_parameters_and_results():
    for network, first in [(TINY_G, Z), (TINY_D, IMAGES)]:
        half = network.clone(dtype=jnp.bfloat16)
        assert {leaf.dtype for leaf in run(half, first)[1].values()} == {jnp.dtype(jnp.float32)}
        narrow, wide = run(half, first)[0], run(network, first)[0]
        assert narrow.dtype == np.float32
        assert 0 < np.abs(narrow - wide).max() < 0.1 * np.abs(wide).max()


@pytest.mark.parametrize(
    ("network", "first", "message"),
    [
        (TINY_G, (5,), "z has 5 columns, but z_dim=6"),
        (TINY_G.clone(conditioning="concat"), (6,), "needs classes, but num_classes=0"),
        (TINY_G.clone(conditioning="projection", num_classes=3), (6,), "takes none, concat, cbn"),
        (TINY_G.clone(conditioning="cbn", num_classes=3), (6,), "set batch_norm=True"),
        (TINY_G.clone(output="sigmoid"), (6,), "choose from auto, tanh, linear"),
        (TINY_G.clone(activation="swish"), (6,), "choose from relu, leaky_relu, tanh"),
        (TINY_D.clone(activation="swish"), (2,), "choose from relu, leaky_relu, tanh, maxout"),
        (TINY_D.clone(conditioning="projection"), (2,), "needs classes, but num_classes=0"),
        (TINY_D.clone(pieces=(3,)), (2,), "has 1 entries for 2 hidden layers"),
        (TINY_D.clone(minibatch="stdev"), (2,), "choose from none, discrimination, stddev"),
    ],
)
def test_errors_say_what_would_do(network, first, message):
    with pytest.raises(ValueError, match=message):
        shapes(network, first)
