import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.training.noise_scale import noise_scale, squared_norm


def test_estimates_are_unbiased_for_gaussian_gradients():
    """Per-example gradients G + noise: |G|^2 and the trace of the covariance are known."""
    size, batch_size, parts, trials = 20, 12, 3, 20_000
    rng = np.random.default_rng(0)
    true = rng.normal(size=size)
    sigma = rng.uniform(0.5, 2.0, size)
    per_part = true + sigma * rng.normal(size=(trials, parts, size)) / np.sqrt(batch_size / parts)
    small = np.square(per_part).sum(-1).mean(1)
    big = np.square(per_part.mean(1)).sum(-1)
    found = noise_scale(small, big, batch_size=batch_size, parts=parts)
    np.testing.assert_allclose(found["gradient_square"].mean(), np.square(true).sum(), rtol=0.01)
    np.testing.assert_allclose(found["gradient_noise"].mean(), np.square(sigma).sum(), rtol=0.01)
    np.testing.assert_allclose(found["noise_scale"], found["gradient_noise"] / found["gradient_square"])


def test_squared_norm_is_float32_over_all_leaves():
    tree = {"a": jnp.full(3, 2.0, jnp.bfloat16), "b": jnp.asarray([[1.0], [3.0]])}
    found = squared_norm(tree)
    assert found.dtype == jnp.float32
    np.testing.assert_allclose(found, 22.0, rtol=1e-6)


def test_one_part_has_nothing_to_compare_with():
    with pytest.raises(ValueError, match="at least 2, got 1"):
        jax.eval_shape(lambda x: noise_scale(x, x, batch_size=4, parts=1), jnp.zeros(()))
