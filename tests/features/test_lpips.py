import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.features.efficientnet_lite import EfficientNetLite0, features_input
from jaxgan.features.lpips import LPIPS, SMALLEST, pd_efficientnet_lite0, tap_distance


def pair(*sides):
    return jax.random.uniform(jax.random.key(0), (2, 2, *sides, 3), minval=-1, maxval=1)


def test_unweighted_tap_is_twice_one_minus_the_cosine():
    a, b = np.random.default_rng(0).standard_normal((2, 3, 4, 5, 6))
    cosine = (a * b).sum(-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)
    expected = (2 - 2 * cosine).mean((1, 2))
    found = tap_distance(jnp.asarray(a), jnp.asarray(3 * b))
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    alone = np.eye(6)[2]
    one = tap_distance(jnp.asarray(a), jnp.asarray(b), jnp.asarray(alone))
    others = tap_distance(jnp.asarray(a), jnp.asarray(b), jnp.asarray(1 - alone))
    np.testing.assert_allclose(one + others, expected, rtol=1e-5)


def test_gradient_is_finite_where_features_vanish():
    features = jnp.zeros((1, 2, 2, 3)).at[0, 0, 0].set(1.0)
    other = jnp.ones((1, 2, 2, 3)).at[0, 1, 1].set(0.0)
    gradients = jax.grad(lambda a, b: tap_distance(a, b).sum(), argnums=(0, 1))(features, other)
    assert all(np.isfinite(g).all() for g in gradients)


@pytest.mark.parametrize("trunk", SMALLEST)
def test_distance_at_the_smallest_size_is_symmetric_and_zero_for_equals(trunk, random_variables):
    a, b = pair(SMALLEST[trunk], SMALLEST[trunk] + 3)
    network = LPIPS(trunk)
    variables = random_variables(network, a, b)
    # The package keeps its heads' weights from falling below zero.
    heads = {name: abs(x) for name, x in variables["params"].items() if name.startswith("head_")}
    variables = {"params": variables["params"] | heads}
    apply = jax.jit(network.apply)
    found = apply(variables, a, b)
    assert found.shape == (2,) and found.dtype == np.float32 and (found > 0).all()
    np.testing.assert_allclose(found, apply(variables, b, a), rtol=1e-5)
    np.testing.assert_array_equal(apply(variables, a, a), 0)
    with pytest.raises(ValueError, match=f"sides of at least {SMALLEST[trunk]}, got {SMALLEST[trunk] - 1} x"):
        network.apply(variables, a[:, 1:], b[:, 1:])


@pytest.mark.slow
def test_perceptual_distance_without_weights_sums_five_cosine_distances(random_variables):
    a, b = pair(32, 40)
    network = EfficientNetLite0()
    variables = random_variables(network, a)
    images = jnp.concatenate([a, b])
    expected = np.zeros(2)
    for taps in jax.jit(network.apply)(variables, features_input((images + 1) * 127.5)).maps:
        x, y = np.split(np.float64(taps), 2)
        cosine = (x * y).sum(-1) / np.linalg.norm(x, axis=-1) / np.linalg.norm(y, axis=-1)
        expected += (2 - 2 * cosine).mean((1, 2))
    found = jax.jit(pd_efficientnet_lite0)(variables, a, b)
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    assert (expected > 0.01).all()


def test_errors_say_what_is_taken():
    a, b = pair(32, 32)
    calls = {
        "LPIPS": lambda *x: LPIPS("alex").init(jax.random.key(0), *x),
        "pd_efficientnet_lite0": lambda *x: pd_efficientnet_lite0({}, *x),
    }
    for name, call in calls.items():
        with pytest.raises(ValueError, match=rf"{name} compares two batches .* got \[2, 32, 32, 3\], \[1, 32, 32, 3\]"):
            call(a, b[:1])
        with pytest.raises(ValueError, match=rf"{name} takes float images in \[-1, 1\], got uint8"):
            call(a, b.astype(jnp.uint8))
    with pytest.raises(ValueError, match=r"unknown LPIPS trunk 'resnet'; choose from \['vgg', 'alex', 'squeeze'\]"):
        LPIPS("resnet").init(jax.random.key(0), a, b)
