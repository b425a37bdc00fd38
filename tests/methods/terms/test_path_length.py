"""Path length regularisation: lengths by finite differences, the running mean, its gradient."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from jaxgan.methods.regularizer import Context
from jaxgan.methods.terms.path_length import path_length, path_lengths

RNG = np.random.default_rng(0)
LAYERS, W = 2, 3


class Generator(nn.Module):
    """Images that bend with the styles; z are the styles of all layers."""

    def setup(self):
        self.kernel = self.param("kernel", nn.initializers.normal(1.0), (LAYERS * W, 4 * 4 * 1))

    def training_styles(self, z, labels, *, train):
        return jnp.repeat(z[:, None], LAYERS, axis=1)

    def synthesize(self, ws, *, train):
        return jnp.sin(ws.reshape(len(ws), -1) @ self.kernel).reshape(-1, 4, 4, 1)

    def __call__(self, z, labels, *, train):
        return self.synthesize(self.training_styles(z, labels, train=train), train=train)


def test_lengths_are_those_of_the_jacobian():
    kernel = RNG.normal(size=(LAYERS * W, 16))
    ws, noise = RNG.normal(size=(5, LAYERS, W)), RNG.normal(size=(5, 4, 4, 1))
    images_of = lambda ws: jnp.sin(ws.reshape(5, -1) @ kernel).reshape(5, 4, 4, 1)  # noqa: E731
    found = path_lengths(images_of, jnp.asarray(ws, jnp.float32), jnp.asarray(noise, jnp.float32))
    for row in range(5):
        slope = np.zeros((LAYERS, W))
        for place in np.ndindex(LAYERS, W):
            step = np.zeros((LAYERS, W))
            step[place] = 1e-5
            ends = [np.sin((ws[row] + sign * step).reshape(-1) @ kernel).reshape(4, 4, 1) for sign in (1, -1)]
            slope[place] = ((ends[0] - ends[1]) / 2e-5 * noise[row] / 4).sum()
        # The code's mean over layers of the squared length in each.
        assert found[row] == pytest.approx(np.sqrt(np.square(slope).sum(1).mean()), rel=1e-3)


def context(generator, params, z, mean):
    nothing = dict.fromkeys(Context._fields)
    given = dict(
        nets={"g": {"params": params}}, extra={"path_length": mean}, rng=jax.random.key(0), z=z,
        fake_condition=jnp.zeros(len(z), jnp.int32), fakes=jnp.zeros((len(z), 4, 4, 1)), generator=generator,
    )  # fmt: skip
    return Context(**nothing | given)


@pytest.mark.slow
def test_lengths_are_drawn_to_their_running_mean_which_moves_first():
    generator, z = Generator(), jnp.asarray(RNG.normal(size=(8, W)), jnp.float32)
    params = generator.init(jax.random.key(0), z, None, train=True)["params"]
    term = path_length(weight=2.0, decay=0.25).g_term

    def of(params, mean):
        return term(context(generator, params, z, mean))

    first = of(params, jnp.float32(0))
    length = float(first.metrics["path_length"])
    assert float(first.extra) == pytest.approx(0.25 * length)
    again = of(params, jnp.float32(3.0))
    assert float(again.extra) == pytest.approx(3 + 0.25 * (length - 3), rel=1e-5)
    # Of half of the batch, so that the penalty is its spread where the mean is the batch's own.
    spread = of(params, jnp.float32(length))
    assert spread.metrics["path_length_penalty"] > 0 and float(spread.loss) == pytest.approx(
        2 * float(spread.metrics["path_length_penalty"])
    )
    # The gradient goes through the batch's share of the mean as well: by differences along a direction.
    direction = jax.tree.map(lambda x: jnp.asarray(RNG.normal(size=x.shape), jnp.float32), params)
    moved = lambda t: jax.tree.map(lambda x, d: x + t * d, params, direction)  # noqa: E731
    losses = [float(of(moved(t), jnp.float32(0.5)).loss) for t in (1e-2, -1e-2)]
    slope = jax.grad(lambda t: of(moved(t), jnp.float32(0.5)).loss)(0.0)
    assert float(slope) == pytest.approx((losses[0] - losses[1]) / 2e-2, rel=2e-2)


def test_it_is_off_at_weight_0_and_refuses_other_intervals():
    assert path_length() is None
    found = path_length(weight=2.0, every=4)
    assert (found.every, float(found.init({}, None))) == (4, 0.0)
    with pytest.raises(ValueError, match="path length every=0 steps, parts=2: give numbers, at least 1"):
        path_length(weight=1.0, every=0)
