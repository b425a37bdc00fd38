import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.objectives import dragan_penalty, gradient_penalty, r1_penalty, r2_penalty, zero_centred_penalty

RNG = np.random.default_rng(0)
X = RNG.normal(size=(5, 2, 3, 2)).astype(np.float32)
FAKES = RNG.normal(size=X.shape).astype(np.float32)
A = RNG.normal(size=(2, 3, 2)).astype(np.float32)
KEY = jax.random.key(7)

# Each on images, the critic first.
PENALTIES = {
    "r1": lambda critic, x=X: r1_penalty(critic, x),
    "r2": lambda critic, x=X: r2_penalty(critic, x),
    "gradient": lambda critic, x=X: gradient_penalty(critic, x, FAKES, KEY),
    "one_sided": lambda critic, x=X: gradient_penalty(critic, x, FAKES, KEY, target=0.2, one_sided=True),
    "dragan": lambda critic, x=X: dragan_penalty(critic, x, KEY),
    "zero_centred": lambda critic, x=X: zero_centred_penalty(critic, x, FAKES, KEY),
}


def linear(slope):
    return lambda x: (x * slope[None]).sum(tuple(range(1, x.ndim))) + 7.0


@pytest.mark.parametrize(("name", "expected"), [("r1", lambda n: n**2 / 2), ("r2", lambda n: n**2 / 2),
    ("gradient", lambda n: (n - 1) ** 2), ("one_sided", lambda n: max(n - 0.2, 0) ** 2),
    ("dragan", lambda n: (n - 1) ** 2), ("zero_centred", lambda n: n**2)])  # fmt: skip
def test_a_linear_critic_pays_for_its_slope(name, expected):
    norm = np.linalg.norm(A.astype(np.float64))
    np.testing.assert_allclose(PENALTIES[name](linear(A)), expected(norm), rtol=1e-5)


def test_is_the_mean_over_samples_of_their_own_squared_slopes():
    # grad of sum(x^3) / 3 is x^2.
    each = (X.astype(np.float64) ** 4).sum((1, 2, 3)) / 2
    assert each.std() > 0.1
    for penalty in (r1_penalty, r2_penalty):
        value = penalty(lambda x: (x**3).sum((1, 2, 3)) / 3, X)
        np.testing.assert_allclose(value, each.mean(), rtol=1e-5)


def test_only_steep_slopes_pay_on_one_side():
    gentle, steep = linear(0.5 * A / np.linalg.norm(A)), linear(2 * A / np.linalg.norm(A))
    value = [gradient_penalty(c, X, FAKES, KEY, one_sided=side) for side in (False, True) for c in (gentle, steep)]
    np.testing.assert_allclose(value, [0.25, 1.0, 0.0, 1.0], rtol=1e-5, atol=1e-6)


def seen_by(penalty):
    """The images that a penalty asks the critic about."""
    seen = []

    def critic(x):
        jax.debug.callback(lambda value: seen.append(np.asarray(value)), x)
        return x.sum(tuple(range(1, x.ndim)))

    jax.block_until_ready(penalty(critic))
    jax.effects_barrier()
    return seen[-1]


@pytest.mark.parametrize("penalty", [gradient_penalty, zero_centred_penalty])
@pytest.mark.parametrize("shape", [(400, 2, 2, 3), (400, 2)])
def test_looks_at_one_point_on_each_rows_own_segment(penalty, shape):
    reals, fakes = (RNG.normal(size=shape).astype(np.float32) for _ in range(2))
    points = seen_by(lambda critic: penalty(critic, reals, fakes, KEY))
    share = (points - fakes) / (reals - fakes)
    wide = abs(reals - fakes) > 0.1
    mean = np.array([row[keep].mean() if keep.any() else np.nan for row, keep in zip(share, wide)])
    assert np.nanmax(abs(np.where(wide, share, np.nan).reshape(400, -1) - mean[:, None])) < 1e-3
    # Uniform on [0, 1]: the mean of 400 is within four of its deviations.
    assert 0 <= np.nanmin(mean) < 0.02 and 0.98 < np.nanmax(mean) <= 1.0001
    assert abs(np.nanmean(mean) - 0.5) < 4 * np.sqrt(1 / 12 / 400)


def test_dragan_looks_up_to_half_a_deviation_above():
    reals = 3.0 * RNG.normal(size=(400, 6, 6, 1)).astype(np.float32)
    moved = (seen_by(lambda critic: dragan_penalty(critic, reals, KEY)) - reals) / (0.5 * reals.std())
    # A product of two uniforms, one of them shared by an image.
    assert moved.min() > -1e-5 and 0.9 < moved.max() < 1.0
    np.testing.assert_allclose(moved.mean(), 0.25, atol=0.03)
    rows = moved.mean((1, 2, 3))
    np.testing.assert_allclose(rows.std(), 0.5 * np.sqrt(1 / 12), atol=0.02)


@pytest.mark.parametrize("name", PENALTIES)
def test_its_gradient_in_the_critics_weights_agrees_with_finite_differences(name):
    def penalty(w):
        return PENALTIES[name](lambda x: jnp.tanh((x * w[None]).sum((1, 2, 3))))

    direction = RNG.normal(size=A.shape).astype(np.float32)
    direction /= np.linalg.norm(direction)
    w, step = 0.3 * A, 1e-2
    expected = (penalty(w + step * direction) - penalty(w - step * direction)) / (2 * step)
    assert abs(expected) > 0.01
    np.testing.assert_allclose((jax.grad(penalty)(w) * direction).sum(), expected, rtol=5e-3)


@pytest.mark.parametrize("name", PENALTIES)
def test_a_flat_critic_has_finite_gradients(name):
    value, gradient = jax.value_and_grad(lambda w: PENALTIES[name](linear(w)))(jnp.zeros_like(A))
    assert np.isfinite(value) and np.isfinite(gradient).all()


@pytest.mark.parametrize("name", PENALTIES)
def test_logits_of_several_scales_are_summed(name):
    several = PENALTIES[name](lambda x: jnp.stack([linear(A)(x), linear(2 * A)(x)], 1))
    np.testing.assert_allclose(several, PENALTIES[name](linear(3 * A)), rtol=1e-5)


@pytest.mark.parametrize("name", PENALTIES)
def test_bfloat16_images_give_a_float32_penalty(name):
    critic = linear(A.astype(jnp.bfloat16))
    penalty = PENALTIES[name](critic, x=jnp.asarray(X, jnp.bfloat16))
    assert penalty.dtype == jnp.float32
    np.testing.assert_allclose(penalty, PENALTIES[name](linear(A)), rtol=2e-2)


@pytest.mark.parametrize("penalty", [gradient_penalty, zero_centred_penalty])
def test_mismatched_images_raise_with_both_shapes(penalty):
    with pytest.raises(ValueError, match=r"real \(5, 2, 3, 2\).*fake \(4, 2, 3, 2\)"):
        penalty(linear(A), X, FAKES[:4], KEY)
