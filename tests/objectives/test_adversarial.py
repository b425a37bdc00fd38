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
    "least_squares_pearson": (((REAL - 1) ** 2).mean() / 2 + ((FAKE + 1) ** 2).mean() / 2, (FAKE**2).mean() / 2),
    "wasserstein": (FAKE.mean() - REAL.mean(), -FAKE.mean()),
}


def test_every_pair_agrees_with_numpy():
    got = {}
    for name in EXPECTED:
        pair = adversarial_loss(name)
        assert not pair.paired
        got[name] = (pair.discriminator(REAL, FAKE), pair.generator(FAKE))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), got, EXPECTED)


@pytest.mark.parametrize("name", ADVERSARIAL_LOSSES)
def test_several_logits_an_image_count_as_one_mean(name):
    pair = adversarial_loss(name)
    real, fake = np.stack([REAL, REAL**2], 1), np.stack([FAKE, FAKE + 1], 1)
    both = [(pair.discriminator(real[:, k], fake[:, k]), pair.generator(*columns(pair, real, fake, k))) for k in (0, 1)]
    every = pair.discriminator(real, fake), pair.generator(*columns(pair, real, fake, slice(None)))
    np.testing.assert_allclose(every, np.mean(both, 0), rtol=1e-5)


def columns(pair, real, fake, k):
    return (fake[:, k], real[:, k]) if pair.paired else (fake[:, k],)


def test_hinge_has_no_half():
    zero = jnp.zeros(4)
    assert adversarial_loss("hinge").discriminator(zero, zero) == 2.0


def test_only_minimax_vanishes_where_the_discriminator_is_sure():
    sure = jnp.full(4, -30.0)
    slope = {name: jax.grad(adversarial_loss(name).generator)(sure).sum() for name in EXPECTED}
    assert abs(slope.pop("minimax")) < 1e-10
    assert max(slope.values()) <= -0.99  # the others all push the logits up


@pytest.mark.parametrize("name", ["minimax", "non_saturating"])
@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
def test_large_logits_stay_finite(name, label_smoothing):
    large = jnp.array([-1e4, 1e4])
    pair = adversarial_loss(name, label_smoothing=label_smoothing)
    for value in jax.value_and_grad(pair.discriminator)(large, large) + jax.value_and_grad(pair.generator)(large):
        assert np.isfinite(value).all()


@pytest.mark.parametrize("name", ["minimax", "non_saturating", "least_squares"])
def test_label_smoothing_moves_the_best_logit_of_real_images_alone(name):
    pair, plain = adversarial_loss(name, label_smoothing=0.1), adversarial_loss(name)
    best = 0.9 if name == "least_squares" else np.log(9.0)  # sigmoid(log 9) = 0.9
    real = jnp.full(3, best, jnp.float32)
    np.testing.assert_allclose(jax.grad(pair.discriminator)(real, real), 0.0, atol=1e-6)
    assert abs(jax.grad(plain.discriminator)(real, real)).min() > 0.02
    of_fake = [jax.grad(p.discriminator, argnums=1)(real, real) for p in (pair, plain)]
    np.testing.assert_array_equal(*of_fake)
    assert pair.generator is plain.generator


def test_smoothed_cross_entropy_agrees_with_numpy():
    expected = -(0.7 * log_sigmoid(REAL) + 0.3 * log_sigmoid(-REAL)).mean() - log_sigmoid(-FAKE).mean()
    pair = adversarial_loss("non_saturating", label_smoothing=0.3)
    np.testing.assert_allclose(pair.discriminator(REAL, FAKE), expected, rtol=1e-5)


def test_label_smoothing_where_there_is_nothing_to_smooth_raises():
    for name in sorted(set(ADVERSARIAL_LOSSES) - {"minimax", "non_saturating", "least_squares"}):
        with pytest.raises(ValueError, match=rf"label_smoothing=0.1: '{name}'.*non_saturating"):
            adversarial_loss(name, label_smoothing=0.1)
        assert adversarial_loss(name, label_smoothing=0.0) is ADVERSARIAL_LOSSES[name]


@pytest.mark.parametrize("label_smoothing", [-0.1, 1.0])
def test_label_smoothing_outside_its_range_raises(label_smoothing):
    with pytest.raises(ValueError, match=f"label_smoothing={label_smoothing}.*less than 1"):
        adversarial_loss("minimax", label_smoothing=label_smoothing)


def test_what_the_critic_estimates():
    name, estimate = adversarial_loss("wasserstein").estimate
    assert name == "wasserstein"
    np.testing.assert_allclose(estimate(REAL, FAKE), REAL.mean() - FAKE.mean(), rtol=1e-6)
    assert adversarial_loss("hinge").estimate is None


# Goodfellow's theorem, on two distributions over five points: a critic is a table, and a batch repeats its points.
P = np.array([1, 2, 3, 4, 0]) / 10
Q = np.array([4, 0, 3, 1, 2]) / 10


def batch(probability):
    return np.repeat(np.arange(5), np.rint(10 * probability).astype(int))


def test_the_best_discriminator_is_the_share_of_the_data_and_its_value_is_jensen_shannons():
    loss = jax.jit(
        jax.value_and_grad(lambda table: adversarial_loss("minimax").discriminator(table[batch(P)], table[batch(Q)]))
    )
    table = jnp.zeros(5)
    for _ in range(1000):
        value, gradient = loss(table)
        table -= 10.0 * gradient
    both = (P > 0) & (Q > 0)
    np.testing.assert_allclose(jax.nn.sigmoid(table)[both], (P / (P + Q))[both], atol=1e-4)
    # Where one of them never goes, D runs to 0 or 1, and the loss to its infimum only as 1 / steps.
    np.testing.assert_allclose(jax.nn.sigmoid(table)[~both], (P / (P + Q))[~both], atol=2e-3)
    mean = (P + Q) / 2
    js = sum((d[d > 0] * np.log(d[d > 0] / mean[d > 0])).sum() for d in (P, Q)) / 2
    np.testing.assert_allclose(-value, 2 * js - np.log(4), atol=1e-3)


def test_the_least_squares_pearson_generator_pays_half_of_chi_squared_at_the_best_discriminator():
    table = (P - Q) / (P + Q)  # argmin of eq. 8
    pair = adversarial_loss("least_squares_pearson")
    gradient = jax.grad(lambda table: pair.discriminator(table[batch(P)], table[batch(Q)]))(jnp.asarray(table))
    np.testing.assert_allclose(gradient, 0.0, atol=1e-7)
    # Eq. 8 gives the generator the real images' term too, on which it has no hold.
    value = pair.generator(table[batch(Q)]) + pair.generator(table[batch(P)])
    np.testing.assert_allclose(value, ((P + Q - 2 * Q) ** 2 / (P + Q)).sum() / 2, rtol=1e-5)


@pytest.mark.parametrize("name", ADVERSARIAL_LOSSES)
def test_mismatched_logits_raise_with_both_shapes(name):
    with pytest.raises(ValueError, match=r"real \(4,\).*fake \(4, 1\)"):
        adversarial_loss(name).discriminator(jnp.zeros(4), jnp.zeros((4, 1)))


def test_unknown_name_lists_what_exists():
    with pytest.raises(ValueError, match=r"'hinged'.*f_kl.*hinge.*relativistic.*wasserstein"):
        adversarial_loss("hinged")
