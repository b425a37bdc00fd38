import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.objectives import ADVERSARIAL_LOSSES, adversarial_loss

NAMES = [name for name in ADVERSARIAL_LOSSES if name.startswith("relativistic")]
REAL = np.array([-3.0, -0.5, 0.2, 1.5, 4.0])
FAKE = np.array([-2.0, -1.1, 0.3, 0.9, 2.5])


def log_sigmoid(x):
    return -np.log1p(np.exp(-x))


def cross_entropy(x, y):
    return -(log_sigmoid(x - y.mean()).mean() + log_sigmoid(-(y - x.mean())).mean()) / 2


def hinge(x, y):
    return (np.maximum(0, 1 - (x - y.mean())).mean() + np.maximum(0, 1 + (y - x.mean())).mean()) / 2


def squares(x, y):
    return (((x - y.mean() - 1) ** 2).mean() + ((y - x.mean() + 1) ** 2).mean()) / 2


EXPECTED = {
    "relativistic": lambda x, y: -log_sigmoid(x - y).mean(),
    "relativistic_average": cross_entropy,
    "relativistic_average_hinge": hinge,
    "relativistic_average_least_squares": squares,
}


@pytest.mark.parametrize("name", NAMES)
def test_agrees_with_numpy_and_the_generator_exchanges_the_two(name):
    pair = adversarial_loss(name)
    assert pair.paired
    np.testing.assert_allclose(pair.discriminator(REAL, FAKE), EXPECTED[name](REAL, FAKE), rtol=1e-5)
    np.testing.assert_allclose(pair.generator(FAKE, REAL), EXPECTED[name](FAKE, REAL), rtol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_only_differences_of_logits_count(name):
    pair = adversarial_loss(name)
    np.testing.assert_allclose(pair.discriminator(REAL + 3, FAKE + 3), pair.discriminator(REAL, FAKE), rtol=1e-5)


def test_rows_are_pairs_unless_averaged():
    rolled = np.roll(FAKE, 1)
    for name in NAMES:
        one, other = (float(adversarial_loss(name).discriminator(REAL, fake)) for fake in (FAKE, rolled))
        assert (abs(one - other) > 0.1) == (name == "relativistic"), name


@pytest.mark.parametrize("name", NAMES)
def test_each_player_moves_its_logits_its_own_way(name):
    pair = adversarial_loss(name)
    zero = jnp.zeros(3)
    assert (jax.grad(pair.discriminator)(zero, zero) < 0).all()
    assert (jax.grad(pair.discriminator, argnums=1)(zero, zero) > 0).all()
    assert (jax.grad(pair.generator)(zero, zero) < 0).all()


@pytest.mark.parametrize("name", NAMES)
def test_mismatched_logits_of_the_generators_side_raise(name):
    with pytest.raises(ValueError, match=r"real \(3,\).*fake \(4,\)"):
        adversarial_loss(name).generator(jnp.zeros(4), jnp.zeros(3))
