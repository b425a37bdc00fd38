import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.latent import arithmetic, around, mean_latent

DRAW = np.random.default_rng(0)


def test_concepts_that_add_are_found():
    # A latent is woman-or-man plus neutral-or-smiling, and what differs between examples sums to 0.
    woman, man, smile = DRAW.normal(size=(3, 5))
    noise = DRAW.normal(size=(3, 5))
    noise -= noise.mean(0)
    smiling_woman, neutral_woman, neutral_man = (jnp.asarray(x + noise) for x in (woman + smile, woman, man))
    np.testing.assert_allclose(mean_latent(neutral_woman), woman, atol=1e-6)
    found = arithmetic(smiling_woman, neutral_woman, neutral_man)
    np.testing.assert_allclose(found, man + smile, atol=1e-5)


def test_neighbours_surround_the_latent():
    z = jnp.asarray(DRAW.normal(size=2000), jnp.float32)
    got = around(z, jax.random.key(0))
    assert got.shape == (9, 2000)
    np.testing.assert_array_equal(got[4], z)
    noise = np.delete(np.asarray(got - z[None]), 4, axis=0)
    assert np.abs(noise).max() <= 0.25 + 1e-6
    np.testing.assert_allclose(noise.std(), 0.5 / np.sqrt(12), rtol=0.02)
    assert np.abs(np.corrcoef(noise) - np.eye(8)).max() < 0.1
    wide = around(z, jax.random.key(0), 3, scale=1.0)
    assert wide.shape == (3, 2000) and np.abs(wide - z[None]).max() > 0.9


def test_errors():
    for wrong in (jnp.zeros(3), jnp.zeros((0, 3))):
        with pytest.raises(ValueError, match=r"latents \[N, Z\]"):
            mean_latent(wrong)
    for z, n in ((jnp.zeros((1, 3)), 9), (jnp.zeros(3), 4)):
        with pytest.raises(ValueError, match="an odd number of images"):
            around(z, jax.random.key(0), n)
