import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.networks.mlp import Discriminator, Generator, maxout
from jaxgan.nn import sown

RNG = np.random.default_rng(0)
Z = RNG.normal(size=(4, 6)).astype(np.float32)
LABELS = np.array([0, 2, 1, 2], np.int32)
IMAGES = RNG.uniform(-1, 1, size=(4, 4, 4, 1)).astype(np.float32)
TINY_G = Generator(z_dim=6, image_shape=(4, 4, 1), hidden=(8, 7))
TINY_D = Discriminator(hidden=(5, 4), pieces=(3, 2))


def test_the_first_gans_networks_are_goodfellows(kernels):
    assert kernels(Generator(), (100,)) == {
        "hidden_0": (100, 1200),
        "hidden_1": (1200, 1200),
        "to_image": (1200, 784),
    }
    assert kernels(Discriminator(dropout=0.5, input_dropout=0.2), (28, 28, 1)) == {
        "hidden_0": (784, 240 * 5),
        "hidden_1": (240, 240 * 5),
        "head/linear": (240, 1),
    }


def test_the_conditional_gans_networks_are_mirzas(kernels):
    conditional = dict(num_classes=10, conditioning="concat", dropout=0.5)
    assert kernels(Generator(hidden=(200, 1200), label_hidden=1000, **conditional), (100,)) == {
        "hidden_0": (100, 200),
        "label": (10, 1000),
        "hidden_1": (1200, 1200),
        "to_image": (1200, 784),
    }
    discriminator = Discriminator(hidden=(240, 240), pieces=(5, 4), label_hidden=50, **conditional)
    assert kernels(discriminator, (28, 28, 1)) == {
        "hidden_0": (784, 240 * 5),
        "label": (10, 50 * 5),
        "hidden_1": (290, 240 * 4),
        "head/linear": (240, 1),
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
    np.testing.assert_allclose(sown(state["features"])[-1], h, rtol=1e-5, atol=1e-6)


def test_maxout_takes_the_largest_of_neighbours():
    np.testing.assert_array_equal(maxout(jnp.array([[1.0, 5.0, -2.0, -3.0]]), 2), [[5.0, -2.0]])


def test_points_are_not_bounded(run):
    network = Generator(z_dim=6, image_shape=(2,), hidden=(8,))
    points = run(network, 50 * Z, LABELS)[0]
    assert points.shape == (4, 2)
    assert np.abs(points).max() > 1
    assert np.abs(run(network.clone(output="tanh"), 50 * Z, LABELS)[0]).max() <= 1


def test_units_are_dropped_in_training_alone(run):
    for network, first in [(TINY_G.clone(dropout=0.5), Z), (TINY_D.clone(input_dropout=0.5), IMAGES)]:

        def difference(train, network=network, first=first):
            one, other = (run(network, first, LABELS, train=train, seed=seed)[0] for seed in (0, 1))
            return np.abs(one - other).max()

        assert difference(train=False) == 0
        assert difference(train=True) > 0
