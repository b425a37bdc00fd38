"""Priors: each part's distribution, codes read back and set, and mistakes."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from jaxgan.latent import Prior

PRIOR = Prior(noise=3, kind="uniform", categorical=(4, 2), continuous=2)
LATENTS = jax.random.normal(jax.random.key(0), (20_000, PRIOR.size))


def test_normal_noise_without_codes_is_the_draw():
    latents = LATENTS[:5, :7]
    np.testing.assert_array_equal(Prior(7)(latents), latents)
    assert Prior(7).num_codes == 0 and Prior(7).codes(latents)[1].shape == (5, 0)


def test_parts_are_distributed_as_the_prior_says():
    mapped = np.asarray(jax.jit(PRIOR)(LATENTS))
    assert mapped.shape == (20_000, 3 + 4 + 2 + 2) and mapped.dtype == np.float32
    for column in (0, 1, 2, 9, 10):
        np.testing.assert_allclose(
            mapped[:, column], 2 * scipy.stats.norm.cdf(np.asarray(LATENTS[:, column], np.float64)) - 1, atol=1e-6
        )
        assert scipy.stats.kstest(mapped[:, column], "uniform", args=(-1, 2)).pvalue > 1e-3
    for block in (mapped[:, 3:7], mapped[:, 7:9]):
        k = block.shape[1]
        np.testing.assert_array_equal(np.sort(block, axis=1)[:, -2:], np.tile([0.0, 1.0], (20_000, 1)))
        np.testing.assert_allclose(block.mean(0), 1 / k, atol=5 * np.sqrt(1 / k / 20_000))
    # Codes say nothing of each other.
    assert np.abs(np.corrcoef(mapped[:, [0, 3, 7, 9, 10]].T) - np.eye(5)).max() < 0.04


def test_codes_are_the_columns_of_the_mapped_latents():
    mapped = PRIOR(LATENTS[:6])
    (first, second), continuous = PRIOR.codes(mapped)
    np.testing.assert_array_equal(jnp.concatenate([mapped[:, :3], first, second, continuous], axis=1), mapped)
    np.testing.assert_array_equal(first.argmax(-1), LATENTS[:6, 3:7].argmax(-1))


@pytest.mark.parametrize("value", [1, jnp.array([1, 0, 1])])
def test_setting_a_category_changes_its_block_alone(value):
    mapped = PRIOR(LATENTS[:3])
    changed = PRIOR.set_code(mapped, 1, value)
    np.testing.assert_array_equal(PRIOR.codes(changed)[0][1].argmax(-1), np.broadcast_to(value, 3))
    np.testing.assert_array_equal(changed[:, 7:9].sum(-1), 1.0)
    np.testing.assert_array_equal(np.delete(changed, [7, 8], axis=1), np.delete(mapped, [7, 8], axis=1))


@pytest.mark.parametrize("value", [-2.0, jnp.array([0.5, -2.0, 2.0])])
def test_setting_a_continuous_code_changes_its_column_alone(value):
    mapped = PRIOR(LATENTS[:3])
    changed = PRIOR.set_code(mapped, 3, value)
    np.testing.assert_array_equal(changed[:, 10], np.broadcast_to(value, 3).astype(np.float32))
    np.testing.assert_array_equal(changed[:, :10], mapped[:, :10])


def test_a_prior_can_be_closed_over_and_compared():
    assert hash(Prior(2, categorical=[3])) == hash(Prior(2, categorical=(3,)))  # type: ignore[arg-type]
    assert dataclasses.replace(PRIOR, noise=4).size == PRIOR.size + 1


@pytest.mark.parametrize(
    "fields, message",
    [
        ({"noise": 2, "kind": "cauchy"}, "choose from"),
        ({"noise": 2, "categorical": (1,)}, "at least 2"),
        ({"noise": -1, "continuous": 2}, "from 0"),
        ({"noise": 0}, "a number in all"),
    ],
)
def test_mistakes_in_a_prior(fields, message):
    with pytest.raises(ValueError, match=message):
        Prior(**fields)


def test_mistakes_in_a_call():
    with pytest.raises(ValueError, match=r"\[B, 11\]"):
        PRIOR(LATENTS[:, :5])
    with pytest.raises(ValueError, match="codes 0 to 3"):
        PRIOR.set_code(LATENTS, 4, 0.0)
    with pytest.raises(ValueError, match="categories 0 to 3"):
        PRIOR.set_code(LATENTS, 0, 4)
