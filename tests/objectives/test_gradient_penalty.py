import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.objectives import r1_penalty

RNG = np.random.default_rng(0)
X = RNG.normal(size=(5, 2, 3, 2)).astype(np.float32)
A = RNG.normal(size=(2, 3, 2)).astype(np.float32)


def test_a_linear_critic_pays_half_its_squared_slope():
    penalty = r1_penalty(lambda x: (x * A).sum((1, 2, 3)) + 7.0, X)
    np.testing.assert_allclose(penalty, (A.astype(np.float64) ** 2).sum() / 2, rtol=1e-5)


def test_is_the_mean_over_samples_of_their_own_squared_slopes():
    # grad of sum(x^3) / 3 is x^2.
    penalty = r1_penalty(lambda x: (x**3).sum((1, 2, 3)) / 3, X)
    each = (X.astype(np.float64) ** 4).sum((1, 2, 3)) / 2
    assert each.std() > 0.1
    np.testing.assert_allclose(penalty, each.mean(), rtol=1e-5)


def test_its_gradient_in_the_critics_weights_agrees_with_finite_differences():
    def penalty(w):
        return r1_penalty(lambda x: jnp.tanh((x * w).sum((1, 2, 3))), X)

    direction = RNG.normal(size=A.shape).astype(np.float32)
    direction /= np.linalg.norm(direction)
    w, step = 0.3 * A, 1e-2
    expected = (penalty(w + step * direction) - penalty(w - step * direction)) / (2 * step)
    assert abs(expected) > 0.01
    np.testing.assert_allclose((jax.grad(penalty)(w) * direction).sum(), expected, rtol=2e-3)


def test_bfloat16_images_give_a_float32_penalty():
    penalty = r1_penalty(lambda x: (x * A.astype(jnp.bfloat16)).sum((1, 2, 3)), jnp.asarray(X, jnp.bfloat16))
    assert penalty.dtype == jnp.float32
    np.testing.assert_allclose(penalty, (A.astype(np.float64) ** 2).sum() / 2, rtol=2e-2)
