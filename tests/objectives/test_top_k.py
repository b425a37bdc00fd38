import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.objectives import top_k_fraction, top_k_weights

LOGITS = np.array([0.3, -2.0, 5.0, 1.0, 0.3, -0.1, 0.3, 4.0, -7.0, 0.0], np.float32)


@pytest.mark.parametrize(("fraction", "k"), [(1.0, 10), (0.99, 9), (0.7, 7), (0.5, 5), (0.11, 1), (0.01, 1)])
def test_a_weighted_sum_is_the_mean_of_the_k_largest(fraction, k):
    weights = jax.jit(top_k_weights)(LOGITS, fraction)  # a traced fraction
    assert (weights > 0).sum() == k
    np.testing.assert_allclose(weights.sum(), 1.0, rtol=1e-6)
    np.testing.assert_allclose((weights * LOGITS).sum(), np.sort(LOGITS)[-k:].mean(), rtol=1e-5)


def test_of_equal_logits_k_are_taken():
    np.testing.assert_allclose(top_k_weights(jnp.zeros(4), 0.5), [0.5, 0.5, 0, 0])


@pytest.mark.parametrize("size", [23, 37, 64])
def test_whole_numbers_are_not_rounded_down(size):
    # In float32 (14 / 23) * 23 and (3 / 37) * 37 are less than 14 and 3.
    count = jax.jit(jax.vmap(lambda fraction: (top_k_weights(jnp.arange(1.0 * size), fraction) > 0).sum()))
    np.testing.assert_array_equal(count(np.arange(1, size + 1) / size), np.arange(1, size + 1))


def test_the_generator_learns_from_the_largest_alone():
    gradient = jax.grad(lambda x: -(top_k_weights(x, 0.3) * x).sum())(jnp.asarray(LOGITS))
    expected = np.zeros(10)
    expected[[2, 3, 7]] = -1 / 3
    np.testing.assert_allclose(gradient, expected, rtol=1e-6)


def test_several_logits_an_image_raise():
    with pytest.raises(ValueError, match=r"\[B\], got \(4, 2\)"):
        top_k_weights(jnp.zeros((4, 2)), 0.5)


def test_the_fraction_falls_by_epochs_to_its_least():
    fraction = jax.jit(lambda step: top_k_fraction(step, 10, decay=0.9, minimum=0.5))
    got = [float(fraction(step)) for step in (0, 9, 10, 25, 60, 70, 10_000_000)]
    np.testing.assert_allclose(got, [1, 1, 0.9, 0.81, 0.9**6, 0.5, 0.5], rtol=1e-6)
    np.testing.assert_allclose(top_k_fraction(30, 10), 0.99**3, rtol=1e-6)


def test_an_epoch_of_no_steps_raises():
    with pytest.raises(ValueError, match="steps_per_epoch=0"):
        top_k_fraction(3, 0)
