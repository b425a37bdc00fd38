import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.objectives import categorical_information_loss, classification_loss, gaussian_information_loss

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(6, 4))
LABELS = np.array([0, 3, 1, 1, 2, 0])


def log_softmax(x):
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def test_labels_are_numbers_or_weights():
    expected = -log_softmax(LOGITS)[np.arange(6), LABELS].mean()
    np.testing.assert_allclose(classification_loss(LOGITS, LABELS), expected, rtol=1e-5)
    np.testing.assert_allclose(classification_loss(LOGITS, np.eye(4)[LABELS]), expected, rtol=1e-5)
    weights = RNG.dirichlet(np.ones(4), 6)
    np.testing.assert_allclose(
        classification_loss(LOGITS, weights), -(weights * log_softmax(LOGITS)).sum(1).mean(), rtol=1e-5
    )


def test_large_logits_stay_finite():
    value, gradient = jax.value_and_grad(classification_loss)(1e4 * jnp.asarray(LOGITS), LABELS)
    assert np.isfinite(value) and np.isfinite(gradient).all()


@pytest.mark.parametrize("labels", [np.zeros(5, int), np.zeros((6, 3)), np.zeros(6)])
def test_labels_of_another_shape_raise(labels):
    with pytest.raises(ValueError, match=r"\[B\] int or \[B, K\] float.*for \(6, 4\)"):
        classification_loss(LOGITS, labels)


def test_a_codes_loss_is_its_cross_entropy_and_codes_add_up():
    onehot = np.eye(4)[LABELS]
    one = categorical_information_loss(LOGITS, onehot)
    np.testing.assert_allclose(one, -log_softmax(LOGITS)[np.arange(6), LABELS].mean(), rtol=1e-5)
    other = categorical_information_loss(LOGITS[::-1], onehot)
    both = categorical_information_loss(np.stack([LOGITS, LOGITS[::-1]], 1), np.stack([onehot, onehot], 1))
    np.testing.assert_allclose(both, one + other, rtol=1e-5)


def test_information_is_the_entropy_less_the_loss():
    # A head that knows nothing has L_I = 0, one that knows all has H(c).
    onehot = np.eye(4)[LABELS]
    np.testing.assert_allclose(np.log(4) - categorical_information_loss(np.zeros((6, 4)), onehot), 0, atol=1e-6)
    np.testing.assert_allclose(categorical_information_loss(1e3 * onehot, onehot), 0, atol=1e-6)


def test_gaussian_codes_agree_with_the_density():
    mean, log_std, code = RNG.normal(size=(3, 6, 2))
    std = np.exp(log_std)
    density = np.exp(-((code - mean) ** 2) / (2 * std**2)) / (std * np.sqrt(2 * np.pi))
    np.testing.assert_allclose(
        gaussian_information_loss(mean, log_std, code), -np.log(density).sum(1).mean(), rtol=1e-5
    )
    fixed = ((code - mean) ** 2 / 2 + np.log(2 * np.pi) / 2).sum(1).mean()
    np.testing.assert_allclose(gaussian_information_loss(mean, 0.0, code), fixed, rtol=1e-5)


def test_the_best_deviation_is_the_codes_own():
    code = RNG.normal(size=(4000, 1)) * 0.3
    code *= 0.3 / np.sqrt((code**2).mean())
    slope = jax.grad(lambda log_std: gaussian_information_loss(jnp.zeros((4000, 1)), log_std, code))
    np.testing.assert_allclose(slope(float(np.log(0.3))), 0.0, atol=1e-4)
    assert slope(float(np.log(0.4))) > 0.1 and slope(float(np.log(0.2))) < -0.1


@pytest.mark.parametrize(
    "loss", [categorical_information_loss, lambda mean, code: gaussian_information_loss(mean, 0.0, code)]
)
def test_codes_of_another_shape_raise(loss):
    with pytest.raises(ValueError, match=r"\(6, 4\) and \(6, 3\)"):
        loss(LOGITS, np.zeros((6, 3)))
