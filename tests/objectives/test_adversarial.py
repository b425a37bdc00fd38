import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.objectives import ADVERSARIAL_LOSSES, adversarial_loss

REAL = np.array([-3.0, -0.5, 0.2, 1.5, 4.0])
FAKE = np.array([-2.0, -1.1, 0.3, 0.9, 2.5])


def log_sigmoid(x):
    return -np.log1p(np.exp(-x))


# Written as the papers write them: log D and log(1 - D).
EXPECTED = {
    "hinge": (np.maximum(0, 1 - REAL).mean() + np.maximum(0, 1 + FAKE).mean(), -FAKE.mean()),
    "minimax": (-log_sigmoid(REAL).mean() - log_sigmoid(-FAKE).mean(), log_sigmoid(-FAKE).mean()),
    "non_saturating": (-log_sigmoid(REAL).mean() - log_sigmoid(-FAKE).mean(), -log_sigmoid(FAKE).mean()),
    "least_squares": (((REAL - 1) ** 2).mean() / 2 + (FAKE**2).mean() / 2, ((FAKE - 1) ** 2).mean() / 2),
    "wasserstein": (FAKE.mean() - REAL.mean(), -FAKE.mean()),
}


def test_every_pair_agrees_with_numpy():
    got = {name: (pair.discriminator(REAL, FAKE), pair.generator(FAKE)) for name, pair in ADVERSARIAL_LOSSES.items()}
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), got, EXPECTED)


def test_hinge_has_no_half():
    zero = jnp.zeros(4)
    assert adversarial_loss("hinge").discriminator(zero, zero) == 2.0


def test_only_minimax_vanishes_where_the_discriminator_is_sure():
    sure = jnp.full(4, -30.0)
    slope = {name: jax.grad(adversarial_loss(name).generator)(sure).sum() for name in ADVERSARIAL_LOSSES}
    assert abs(slope.pop("minimax")) < 1e-10
    assert max(slope.values()) <= -0.99  # the others all push the logits up


@pytest.mark.parametrize("name", ["minimax", "non_saturating"])
def test_large_logits_stay_finite(name):
    large = jnp.array([-1e4, 1e4])
    pair = adversarial_loss(name)
    for value in jax.value_and_grad(pair.discriminator)(large, large) + jax.value_and_grad(pair.generator)(large):
        assert np.isfinite(value).all()


@pytest.mark.parametrize("name", ADVERSARIAL_LOSSES)
def test_mismatched_logits_raise_with_both_shapes(name):
    with pytest.raises(ValueError, match=r"real \(4,\).*fake \(4, 1\)"):
        adversarial_loss(name).discriminator(jnp.zeros(4), jnp.zeros((4, 1)))


def test_unknown_name_lists_what_exists():
    with pytest.raises(ValueError, match=r"'hinged'.*hinge.*wasserstein"):
        adversarial_loss("hinged")
