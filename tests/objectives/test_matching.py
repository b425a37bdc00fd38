import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.objectives import feature_matching, historical_average_penalty, mode_seeking

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("distance", "expected"),
    [
        ("squared", lambda d: (d**2).sum()),
        ("mean_square", lambda d: (d**2).mean()),
        ("mean_absolute", lambda d: abs(d).mean()),
    ],
)
def test_features_are_compared_by_their_means(distance, expected):
    real, fake = RNG.normal(size=(8, 5)).astype(np.float32), RNG.normal(size=(6, 5)).astype(np.float32)
    apart = real.astype(np.float64).mean(0) - fake.astype(np.float64).mean(0)
    np.testing.assert_allclose(feature_matching(real, fake, distance=distance), expected(apart), rtol=1e-4)
    # Another batch of the same mean costs nothing.
    np.testing.assert_allclose(feature_matching(real, 2 * real.mean(0) - real, distance=distance), 0, atol=1e-6)


def test_the_papers_distance_is_the_default():
    real, fake = RNG.normal(size=(2, 8, 5)).astype(np.float32)
    assert feature_matching(real, fake) == feature_matching(real, fake, distance="squared")


def test_features_that_do_not_match_raise():
    with pytest.raises(ValueError, match=r"real \(4, 3\).*fake \(4, 2\)"):
        feature_matching(jnp.zeros((4, 3)), jnp.zeros((4, 2)))
    with pytest.raises(ValueError, match=r"'l3'.*mean_absolute"):
        feature_matching(jnp.zeros((4, 3)), jnp.zeros((4, 3)), distance="l3")


def test_mode_seeking_is_the_inverse_of_the_ratio_of_distances():
    images, z = RNG.normal(size=(2, 4, 3, 3, 1)), RNG.normal(size=(2, 4, 7))
    ratio = abs(images[0] - images[1]).mean() / abs(z[0] - z[1]).mean()
    np.testing.assert_allclose(mode_seeking(*images, *z), 1 / (ratio + 1e-5), rtol=1e-5)
    np.testing.assert_allclose(mode_seeking(*images, *z, eps=0.5), 1 / (ratio + 0.5), rtol=1e-5)


def test_a_collapsed_generator_pays_the_most():
    images, z = RNG.normal(size=(4, 3, 3, 1)), RNG.normal(size=(2, 4, 7))
    value, gradient = jax.value_and_grad(mode_seeking)(images, images, *z)
    np.testing.assert_allclose(value, 1e5, rtol=1e-5)
    assert np.isfinite(gradient).all()


def test_mode_seeking_of_unlike_batches_raises():
    with pytest.raises(ValueError, match=r"images \(4, 2\) and \(3, 2\)"):
        mode_seeking(jnp.zeros((4, 2)), jnp.zeros((3, 2)), jnp.zeros((4, 5)), jnp.zeros((4, 5)))


def test_history_pulls_parameters_back_and_stays_where_it_is():
    now = {"a": {"kernel": RNG.normal(size=(3, 2))}, "bias": RNG.normal(size=4)}
    past = jax.tree.map(lambda x: x - RNG.normal(size=x.shape), now)
    away = jax.tree.map(np.subtract, now, past)
    value, (of_now, of_past) = jax.value_and_grad(historical_average_penalty, argnums=(0, 1))(now, past)
    np.testing.assert_allclose(value, sum((x**2).sum() for x in jax.tree.leaves(away)), rtol=1e-5)
    jax.tree.map(lambda g, x: np.testing.assert_allclose(g, 2 * x, rtol=1e-5), of_now, away)
    assert all((g == 0).all() for g in jax.tree.leaves(of_past))


def test_a_history_of_another_tree_raises():
    with pytest.raises(ValueError, match="bias"):
        historical_average_penalty({"bias": jnp.zeros(2)}, {"kernel": jnp.zeros(2)})
