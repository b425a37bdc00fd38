import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.objectives import ADVERSARIAL_LOSSES, F_DIVERGENCES, adversarial_loss, f_gan_loss

# Two Gaussians of unlike means and deviations, on a grid fine and wide enough for float64.
(M1, S1), (M2, S2) = (0.4, 0.9), (-0.3, 1.2)
GRID, STEP = np.linspace(-16, 16, 20001, retstep=True)


def density(mean, deviation):
    return np.exp(-((GRID - mean) ** 2) / (2 * deviation**2)) / (deviation * np.sqrt(2 * np.pi))


P, Q = density(M1, S1), density(M2, S2)


def integral(values):
    return values.sum() * STEP


def kl(m1, s1, m2, s2):
    return np.log(s2 / s1) + (s1**2 + (m1 - m2) ** 2) / (2 * s2**2) - 0.5


def twice_jensen_shannon():
    mean = (P + Q) / 2
    return integral(P * np.log(P / mean) + Q * np.log(Q / mean))


def chi_squared(m1, s1, m2, s2):
    """The integral of p^2 / q, less one; finite where s1^2 < 2 s2^2."""
    variance = 2 * s2**2 - s1**2
    return s2**2 / (s1 * np.sqrt(variance)) * np.exp((m1 - m2) ** 2 / variance) - 1


def squared_hellinger(m1, s1, m2, s2):
    both = s1**2 + s2**2
    return 2 - 2 * np.sqrt(2 * s1 * s2 / both) * np.exp(-((m1 - m2) ** 2) / (4 * both))


EXACT = {
    "kl": kl(M1, S1, M2, S2),
    "reverse_kl": kl(M2, S2, M1, S1),
    "pearson": chi_squared(M1, S1, M2, S2),
    "squared_hellinger": squared_hellinger(M1, S1, M2, S2),
    "js": twice_jensen_shannon(),
    "gan": twice_jensen_shannon() - np.log(4),
}
# f'(u), and the output v of which it is the activation, both by hand.
SLOPE = {
    "kl": lambda u: np.log(u) + 1,
    "reverse_kl": lambda u: -1 / u,
    "pearson": lambda u: 2 * (u - 1),
    "squared_hellinger": lambda u: 1 - 1 / np.sqrt(u),
    "js": lambda u: np.log(2 * u / (u + 1)),
    "gan": lambda u: np.log(u / (u + 1)),
}
OUTPUT = {
    "kl": lambda u: np.log(u) + 1,
    "reverse_kl": np.log,
    "pearson": lambda u: 2 * (u - 1),
    "squared_hellinger": lambda u: np.log(u) / 2,
    "js": np.log,
    "gan": np.log,
}


@pytest.mark.parametrize("name", F_DIVERGENCES)
def test_the_bound_at_the_best_discriminator_is_the_divergence_of_two_gaussians(name):
    divergence = F_DIVERGENCES[name]
    with jax.enable_x64(True):
        direct = integral(Q * np.asarray(divergence.generator_function(P / Q)))
        best = OUTPUT[name](P / Q)

        def bound(v):
            return integral(P * np.asarray(divergence.activation(v)) - Q * np.asarray(divergence.conjugate_at(v)))

        np.testing.assert_allclose([direct, bound(best)], EXACT[name], rtol=1e-7)
        # Any other discriminator falls short.
        for other in (best + 0.3, best - 0.3, 0.8 * best, best + 0.3 * np.sin(GRID)):
            assert bound(other) < EXACT[name] - 1e-3


@pytest.mark.parametrize("name", F_DIVERGENCES)
def test_the_parts_of_a_divergence_fit_together(name):
    divergence = F_DIVERGENCES[name]
    u = np.array([0.05, 0.3, 1.0, 2.0, 7.0])
    with jax.enable_x64(True):
        best = divergence.activation(OUTPUT[name](u))
        np.testing.assert_allclose(best, SLOPE[name](u), rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(jax.vmap(jax.grad(divergence.generator_function))(u), best, rtol=1e-12, atol=1e-12)
        # f*(f'(u)) = u f'(u) - f(u).
        np.testing.assert_allclose(
            divergence.conjugate(best), u * best - divergence.generator_function(u), rtol=1e-10, atol=1e-10
        )
        v = np.linspace(-2.9, 2.9, 7)
        inside = divergence.conjugate(divergence.activation(v))
        np.testing.assert_allclose(divergence.conjugate_at(v), inside, rtol=1e-10, atol=1e-10)
        np.testing.assert_allclose(jax.grad(divergence.generator_function)(1.0), divergence.threshold, atol=1e-12)
        assert (jax.vmap(jax.grad(divergence.activation))(v) > 0).all()


@pytest.mark.parametrize("name", F_DIVERGENCES)
def test_what_the_players_minimise(name):
    divergence, real, fake = F_DIVERGENCES[name], jnp.array([0.5, -0.3, 1.1]), jnp.array([0.2, -1.0, 0.4])
    on_fake = divergence.conjugate(divergence.activation(fake)).mean()
    bound = divergence.activation(real).mean() - on_fake
    pair, saturating = f_gan_loss(name), f_gan_loss(name, saturating=True)
    assert pair.estimate[0] == "divergence"
    np.testing.assert_allclose(pair.estimate[1](real, fake), bound, rtol=1e-5)
    np.testing.assert_allclose(pair.discriminator(real, fake), -bound, rtol=1e-5)
    np.testing.assert_allclose(pair.generator(fake), -divergence.activation(fake).mean(), rtol=1e-5)
    np.testing.assert_allclose(saturating.generator(fake), -on_fake, rtol=1e-5)
    np.testing.assert_allclose(adversarial_loss(f"f_{name}").generator(fake), pair.generator(fake))
    assert (jax.grad(pair.generator)(fake) < 0).all() and (jax.grad(saturating.generator)(fake) < 0).all()


def test_gan_is_goodfellows_game():
    real, fake = jnp.array([0.5, -0.3, 1.1]), jnp.array([0.2, -1.0, 0.4])
    for saturating, name in ((False, "non_saturating"), (True, "minimax")):
        pair, goodfellow = f_gan_loss("gan", saturating=saturating), ADVERSARIAL_LOSSES[name]
        np.testing.assert_allclose(pair.discriminator(real, fake), goodfellow.discriminator(real, fake), rtol=1e-6)
        np.testing.assert_allclose(pair.generator(fake), goodfellow.generator(fake), rtol=1e-6)


@pytest.mark.parametrize("name", ["js", "gan"])
def test_large_logits_stay_finite(name):
    large = jnp.array([-1e4, 1e4])
    for pair in (f_gan_loss(name), f_gan_loss(name, saturating=True)):
        for value in jax.value_and_grad(pair.discriminator)(large, large) + jax.value_and_grad(pair.generator)(large):
            assert np.isfinite(value).all()


def test_unknown_divergence_lists_what_exists():
    with pytest.raises(ValueError, match=r"'renyi'.*js.*pearson.*squared_hellinger"):
        f_gan_loss("renyi")
