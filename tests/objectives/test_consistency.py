import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.objectives import consistency_penalty, latent_diversity_penalty

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(6,), (6, 3)])
def test_is_the_mean_squared_difference(shape):
    a, b = RNG.normal(size=(2, *shape)).astype(np.float32)
    np.testing.assert_allclose(consistency_penalty(a, b), ((a.astype(np.float64) - b) ** 2).mean(), rtol=1e-5)
    gradients = jax.grad(consistency_penalty, argnums=(0, 1))(a, b)
    np.testing.assert_allclose(gradients, [2 * (a - b) / a.size, 2 * (b - a) / a.size], rtol=1e-5)


def test_images_far_apart_are_rewarded_whatever_their_size():
    a, b = RNG.uniform(-1, 1, (2, 4, 3, 3, 2)).astype(np.float32)
    value = latent_diversity_penalty(a, b)
    np.testing.assert_allclose(value, -((a.astype(np.float64) - b) ** 2).mean(), rtol=1e-5)
    twice = [np.repeat(np.repeat(x, 2, 1), 2, 2) for x in (a, b)]
    np.testing.assert_allclose(latent_diversity_penalty(*twice), value, rtol=1e-5)


@pytest.mark.parametrize("penalty", [consistency_penalty, latent_diversity_penalty])
def test_bfloat16_gives_float32_and_mismatched_shapes_raise(penalty):
    assert penalty(jnp.ones(4, jnp.bfloat16), jnp.zeros(4, jnp.bfloat16)).dtype == jnp.float32
    with pytest.raises(ValueError, match=r"\(4,\) and \(4, 1\)"):
        penalty(jnp.zeros(4), jnp.zeros((4, 1)))
