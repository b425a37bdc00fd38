import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from jaxgan.nn import FEATURES, sow_features, sown

X = np.arange(6, dtype=np.float32).reshape(3, 2)


class Inner(nn.Module):
    @nn.compact
    def __call__(self, x):
        sow_features(self, 10 * x)
        sow_features(self, 20 * x)
        return x


class Outer(nn.Module):
    """Shows x, what its inner networks show (in an order that is not that of their names), and -x."""

    names: tuple[str, ...] = ("z", "a")

    @nn.compact
    def __call__(self, x):
        sow_features(self, x)
        for index, name in enumerate(self.names):
            Inner(name=name)(x + index)
        sow_features(self, -x)
        return x


EXPECTED = [X, 10 * X, 20 * X, 10 * (X + 1), 20 * (X + 1), -X]


def test_features_come_in_the_order_of_calls():
    _, state = Outer().apply({}, X, mutable=[FEATURES])
    for found, expected in zip(sown(state[FEATURES]), EXPECTED, strict=True):
        np.testing.assert_array_equal(found, expected)
    assert sown({}) == ()


def test_the_order_survives_compilation_and_gradients_reach_the_features():
    @jax.jit
    def apply(x):
        return Outer().apply({}, x, mutable=[FEATURES])[1]

    for found, expected in zip(sown(apply(X)[FEATURES]), EXPECTED, strict=True):
        np.testing.assert_array_equal(found, expected)

    def loss(x):
        return sum(feature.sum() for feature in sown(Outer().apply({}, x, mutable=[FEATURES])[1][FEATURES]))

    np.testing.assert_array_equal(jax.grad(loss)(jnp.asarray(X)), np.full_like(X, 60))


def test_what_was_shown_before_is_replaced():
    variables = Outer().init(jax.random.key(0), X)
    _, state = Outer().apply(variables, 2 * X, mutable=[FEATURES])
    assert len(sown(state[FEATURES])) == len(EXPECTED)
    np.testing.assert_array_equal(sown(state[FEATURES])[-1], -2 * X)


def test_nothing_is_kept_where_nobody_asks():
    out, state = Outer().apply({}, X, mutable=["batch_stats"])
    assert out is not None and state == {}


def test_an_order_that_is_not_known_is_refused():
    class Hidden(nn.Module):
        @nn.compact
        def __call__(self, x):
            sow_features(self, x)
            return nn.remat(Inner)(name="inner")(x)

    _, state = Hidden().apply({}, X, mutable=[FEATURES])
    with pytest.raises(ValueError, match=r"unknown order .*: call sow_features outside of nn.remat"):
        sown(state[FEATURES])
