"""The bounds against a model whose likelihood has a closed form: linear, Gaussian."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy.stats import multivariate_normal

from jaxgan.methods.vae import VAE
from jaxgan.methods.vae_latents import CategoricalLatents, MixtureLatents, NormalLatents

Z_DIM, SIDE, NOISE = 2, 2, 0.5
DEFAULTS = {"samples": 1, "draw": "mean", "dim": -1, "value": 0.0, "traverse": 0}
RNG = np.random.default_rng(0)
WEIGHTS = RNG.normal(size=(Z_DIM, SIDE * SIDE)).astype(np.float32)


class Encoder(nn.Module):
    """The true posterior's mean, at a scale of its own, so that the bound has a gap."""

    factor: float

    @nn.compact
    def __call__(self, images, *, train):
        x = images.reshape(len(images), -1)
        self.param("unused", nn.initializers.zeros, (1,))
        precision = np.eye(Z_DIM) + WEIGHTS @ WEIGHTS.T / NOISE**2
        covariance = np.linalg.inv(precision)
        mean = x @ (WEIGHTS.T @ covariance / NOISE**2).astype(np.float32)
        variance = self.factor * np.diag(covariance)
        return mean, jnp.broadcast_to(jnp.log(variance.astype(np.float32)).reshape(1, -1), mean.shape)


class Decoder(nn.Module):
    """N(z W, 0.5^2)."""

    @nn.compact
    def __call__(self, z, *, train):
        self.param("unused", nn.initializers.zeros, (1,))
        mean = (z @ WEIGHTS).reshape(-1, SIDE, SIDE, 1)
        return jnp.stack([mean, jnp.full_like(mean, np.log(NOISE))], axis=-1)


def make(factor=1.0, **changes):
    settings = dict(
        encoder=Encoder(factor), decoder=Decoder(), optimizers={"p": optax.sgd(0.0)}, latents=NormalLatents(Z_DIM)
    )
    return VAE(**settings | {"likelihood": "gaussian"} | changes)


def images(count=64):
    return np.random.default_rng(1).integers(0, 256, (count, SIDE, SIDE, 1), np.uint8)


def bound(method, batch, samples, seed):
    nets = method.init(jax.random.key(0), batch).nets
    keys = jax.random.split(jax.random.key(seed), len(batch["image"]))
    given = {**batch, "key": keys, "options": DEFAULTS | {"samples": samples}}
    return -np.asarray(method.nats(nets, given, keys[0]), np.float64)


def test_the_elbo_lies_below_the_importance_weighted_bound_below_the_likelihood():
    batch = {"image": images()}
    x = (batch["image"] / 127.5 - 1).reshape(len(batch["image"]), -1)
    exact = multivariate_normal.logpdf(x, np.zeros(SIDE**2), WEIGHTS.T @ WEIGHTS + NOISE**2 * np.eye(SIDE**2))
    method = make(factor=3.0)
    elbo = np.mean([bound(method, batch, 1, seed) for seed in range(40)], axis=0)
    five = np.mean([bound(method, batch, 5, seed) for seed in range(20)], axis=0)
    many = bound(method, batch, 500, 0)
    assert elbo.mean() < five.mean() - 0.05 < five.mean() < many.mean() < exact.mean() + 0.02
    np.testing.assert_allclose(many, exact, atol=0.3)
    assert abs(many.mean() - exact.mean()) < 0.03


def test_a_step_logs_the_bound_that_nats_gives():
    batch = {"image": images(512)}
    method = make()
    state = method.init(jax.random.key(0), batch)
    _, metrics = method.step(state, batch, jax.random.key(1))
    assert metrics["p/elbo"] == pytest.approx(bound(method, batch, 1, 2).mean(), abs=0.15)
    assert metrics["p/loss"] == pytest.approx(-float(metrics["p/elbo"]), rel=1e-5)
    _, heavier = make(beta=3.0).step(state, batch, jax.random.key(1))
    wanted = metrics["p/reconstruction"] + 3 * metrics["p/kl"]
    assert heavier["p/loss"] == pytest.approx(float(wanted), rel=1e-5)


@pytest.mark.slow
def test_a_row_s_bound_is_of_its_own_key():
    batch, method = {"image": images(8)}, make()
    nets = method.init(jax.random.key(0), batch).nets
    keys, options = jax.random.split(jax.random.key(3), 8), DEFAULTS | {"samples": 5}
    whole = method.nats(nets, {"image": batch["image"], "key": keys, "options": options}, keys[0])
    half = method.nats(nets, {"image": batch["image"][4:], "key": keys[4:], "options": options}, keys[0])
    np.testing.assert_allclose(whole[4:], half, rtol=1e-5)


def test_samples_are_means_or_draws_of_pixels():
    method = make()
    nets = method.init(jax.random.key(0), {"image": images(2)}).nets
    z, keys = np.zeros((512, Z_DIM), np.float32), jax.random.split(jax.random.key(0), 512)
    given = {"z": z, "key": keys}
    mean = method.sample(nets, {**given, "options": DEFAULTS}, keys[0])["image"]
    drawn = method.sample(nets, {**given, "options": DEFAULTS | {"draw": "pixels"}}, keys[0])["image"]
    np.testing.assert_array_equal(mean, 0)
    # Clipped to [-1, 1], which is two deviations.
    assert np.std(drawn) == pytest.approx(NOISE * 0.96, rel=0.05)


def test_an_encoded_picture_is_changed_along_one_dimension():
    method, given = make(), {"image": images(4), "key": jax.random.split(jax.random.key(0), 4)}
    nets = method.init(jax.random.key(0), given).nets
    given["z"] = np.zeros((4, Z_DIM), np.float32)

    def drawn(**options):
        whole = DEFAULTS | options
        return np.asarray(method.sample(nets, {**given, "options": whole}, given["key"][0])["image"])

    (mean, _) = method.encoder.apply(nets["encoder"], given["image"] / 127.5 - 1, train=False)
    codes = np.asarray(mean, np.float64)
    np.testing.assert_allclose(drawn(), np.clip(codes @ WEIGHTS, -1, 1).reshape(4, SIDE, SIDE, 1), atol=1e-5)
    codes[:, 1] = -0.4
    wanted = np.clip(codes @ WEIGHTS, -1, 1).reshape(4, SIDE, SIDE, 1)
    np.testing.assert_allclose(drawn(dim=1, value=-0.4), wanted, atol=1e-5)


def test_an_unknown_likelihood():
    with pytest.raises(ValueError, match="likelihood='poisson'; choose from bernoulli, gaussian, discretised_logistic"):
        make(likelihood="poisson")


@pytest.mark.slow
def test_a_mixture_s_ratio_is_that_of_its_densities_and_its_draws_are_its():
    latents = MixtureLatents(size=2, components=3)
    means, scales, shares = RNG.normal(0, 2, (3, 2)), np.array([[0.5, 1], [1, 0.3], [0.7, 0.7]]), [0.2, 0.5, 0.3]
    variables = {"params": {"logits": np.log(shares), "means": means, "log_variances": 2 * np.log(scales)}}
    variables = jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), variables)
    found = (jnp.asarray(RNG.normal(size=(5, 2)), jnp.float32), jnp.asarray(RNG.normal(size=(5, 2)), jnp.float32))
    noise = jnp.asarray(RNG.normal(size=(5, 2)), jnp.float32)
    z = np.asarray(latents.posterior(found, noise, relaxed=True), np.float64)
    of_prior = sum(
        share * multivariate_normal.pdf(z, mean, np.diag(scale**2)) for share, mean, scale in zip(shares, means, scales)
    )
    of_posterior = [
        multivariate_normal.logpdf(row, mean, np.diag(np.exp(log_variance)))
        for row, mean, log_variance in zip(z, *map(np.asarray, found))
    ]
    ratio = latents.log_ratio(variables, found, noise)
    np.testing.assert_allclose(ratio, np.log(of_prior) - of_posterior, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(latents.divergence(variables, found, noise), -ratio)
    drawn = np.asarray(latents.of_prior(variables, jnp.asarray(RNG.normal(size=(40_000, 3)), jnp.float32)))
    np.testing.assert_allclose(drawn.mean(0), shares @ means, atol=0.05)
    second = shares @ (means**2 + scales**2)
    np.testing.assert_allclose((drawn**2).mean(0), second, rtol=0.05)


def test_categories_are_drawn_relaxed_and_edited_as_they_should():
    latents = CategoricalLatents(groups=2, categories=3)
    logits = jnp.log(jnp.array([[0.7, 0.2, 0.1, 0.3, 0.3, 0.4]]))
    many = (jnp.broadcast_to(logits, (20_000, 6)), jnp.zeros((20_000, 6)))
    noise = jnp.asarray(RNG.normal(size=(20_000, 6)), jnp.float32)
    hard, soft = (latents.posterior(many, noise, relaxed=relaxed) for relaxed in (False, True))
    np.testing.assert_allclose(hard.mean(0), np.exp(logits[0]), atol=0.02)
    np.testing.assert_allclose(soft.reshape(-1, 2, 3).sum(-1), 1, rtol=1e-4)
    assert set(np.unique(hard)) == {0, 1} and soft.min() > 0
    one = jax.tree.map(lambda x: x[:1], many)
    p = np.exp(np.asarray(logits, np.float64)).reshape(2, 3)
    exact = (p * np.log(p * 3)).sum()
    assert latents.divergence(None, one, noise[:1])[0] == pytest.approx(exact, rel=1e-4)
    assert latents.log_ratio(None, many, noise).mean() == pytest.approx(-exact, abs=0.02)
    np.testing.assert_allclose(latents.of_prior(None, noise).mean(0), 1 / 3, atol=0.02)
    z = jnp.array([[1.0, 0, 0, 0, 1, 0]])
    np.testing.assert_array_equal(latents.edited(z, jnp.int32(1), jnp.float32(2.0)), [[1, 0, 0, 0, 0, 1]])
    np.testing.assert_array_equal(latents.edited(z, jnp.int32(-1), jnp.float32(2.0)), z)


class Coin(nn.Module):
    """Four pixels whose logits a category says."""

    @nn.compact
    def __call__(self, z, *, train):
        self.param("unused", nn.initializers.zeros, (1,))
        logits = np.array([[2, -1, 0, 1], [-2, 1, 1, 0], [0, 0, -3, 2]], np.float32)
        return (z @ logits).reshape(-1, SIDE, SIDE, 1, 1)


class Guess(nn.Module):
    """The same categories for all pictures, not quite the prior's."""

    @nn.compact
    def __call__(self, images, *, train):
        self.param("unused", nn.initializers.zeros, (1,))
        logits = jnp.broadcast_to(jnp.array([[0.5, 0.0, -0.5]]), (len(images), 3))
        return logits, jnp.zeros_like(logits)


@pytest.mark.slow
def test_the_bounds_of_categories_lie_below_the_likelihood():
    """With three categories the likelihood is a sum of three terms, so it can be computed exactly."""
    batch = {"image": images(32)}
    latents = CategoricalLatents(groups=1, categories=3)
    method = make(encoder=Guess(), decoder=Coin(), latents=latents, likelihood="bernoulli")
    bits = (batch["image"].reshape(-1, 4) > 127).astype(np.float64)
    p = 1 / (1 + np.exp(-np.array([[2, -1, 0, 1], [-2, 1, 1, 0], [0, 0, -3, 2]], np.float64)))
    exact = np.log(np.mean([np.prod(np.where(bits > 0, row, 1 - row), axis=1) for row in p], axis=0))
    elbo = np.mean([bound(method, batch, 1, seed) for seed in range(60)], axis=0)
    many = bound(method, batch, 500, 0)
    assert elbo.mean() < exact.mean() - 0.1
    np.testing.assert_allclose(many, exact, atol=0.15)
